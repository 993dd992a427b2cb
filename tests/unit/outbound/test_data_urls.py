"""Content that a request brings by itself takes one form."""

from __future__ import annotations

from base64 import b64encode, encodebytes

import pytest

from lambda_responses.outbound.data_urls import as_data_url, is_image

PNG = b"\x89PNG\r\n\x1a\n" + bytes(100)
BASE64 = b64encode(PNG).decode()


@pytest.mark.parametrize(
    ("content", "name", "url"),
    [
        ("aGVsbG8=", "notes.md", "data:text/markdown;base64,aGVsbG8="),
        ("aGVsbG8", "notes.MD", "data:text/markdown;base64,aGVsbG8="),
        ("aGVsbG8==", "notes", "data:application/octet-stream;base64,aGVsbG8="),
        ("aGVsbG8=\n", "", "data:application/octet-stream;base64,aGVsbG8="),
        ("YQ", "", "data:application/octet-stream;base64,YQ=="),
        (BASE64, "", f"data:image/png;base64,{BASE64}"),
        (encodebytes(PNG).decode(), "", f"data:image/png;base64,{BASE64}"),
        ("JVBERi0x", "", "data:application/pdf;base64,JVBERi0x"),
        (f"data:;base64,{BASE64}", "", f"data:image/png;base64,{BASE64}"),
        ("data:text/plain,a%20b", "", "data:text/plain;base64,YSBi"),
        ("data:text/plain;charset=utf-8,a b", "", "data:text/plain;charset=utf-8;base64,YSBi"),
        ("data:,a,b", "a.csv", "data:text/csv;base64,YSxi"),
        ("data:;base64,?", "a.csv", "data:text/csv;base64,?"),
    ],
)
def test_content_becomes_a_data_url_that_tells_its_type(content: str, name: str, url: str) -> None:
    assert as_data_url(content, name) == url


@pytest.mark.parametrize(
    "url",
    [
        "data:application/pdf;base64,JVBERi0x",
        "DATA:text/plain;charset=utf-8;BASE64,YQ==",
        f"data:a/b;base64,{BASE64}",
    ],
)
def test_a_data_url_that_tells_all_stays_the_same_object(url: str) -> None:
    assert as_data_url(url, "x.txt") is url


@pytest.mark.parametrize(
    "content",
    ["", "=", "====", "A", "AAAAA", "AA=A", "A===B", "a b", "-_-_", "ä", "http://example.com/", "s3://bucket/a",
     "data:", "data:text/plain", "data:text/plain;base64,", "data:,", "\n", "data:text/plain;base64",
     "AAAA====="],
)  # fmt: skip
def test_what_is_neither_is_none(content: str) -> None:
    assert as_data_url(content, "notes.txt") is None


@pytest.mark.parametrize(
    ("url", "is_one"),
    [
        ("data:image/png;base64,AAAA", True),
        ("DATA:Image/PNG;name=a.png;BASE64,A", True),
        ("data:image/png;base64,", False),
        ("data:image/png,AAAA", False),
        ("data:text/image/;base64,AAAA", False),
        ("data:image/png", False),
        ("https://example.com/image/a.png", False),
    ],
)
def test_an_image_says_so_and_has_content(url: str, is_one: bool) -> None:
    assert is_image(url) == is_one


@pytest.mark.parametrize(
    "content", [";" * 5_000_000, ";a=b" * 1_000_000, "image/" + "a" * 5_000_000, ";base64" * 500_000]
)
def test_heads_without_end_are_read_so_far(content: str) -> None:
    assert as_data_url(f"data:{content}", "") is None
    assert not is_image(f"data:{content}")
