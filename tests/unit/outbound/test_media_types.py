"""What a file is, whatever its server says."""

from __future__ import annotations

import pytest

from lambda_responses.outbound.media_types import LONGEST_NAME, file_name, media_type_of

PNG = b"\x89PNG\r\n\x1a\n..."


@pytest.mark.parametrize(
    ("data", "media_type"),
    [
        (PNG, "image/png"),
        (b"\xff\xd8\xff\xe0...", "image/jpeg"),
        (b"GIF87a...", "image/gif"),
        (b"GIF89a...", "image/gif"),
        (b"RIFF\x10\x00\x00\x00WEBPVP8 ", "image/webp"),
        (b"%PDF-1.7\n", "application/pdf"),
    ],
)
@pytest.mark.parametrize(
    "declared", ["", "application/octet-stream", "text/html", "image/svg+xml", "image/png"]
)
def test_first_bytes_count_for_more_than_labels(data: bytes, media_type: str, declared: str) -> None:
    assert media_type_of(data, declared, "x.txt") == media_type


@pytest.mark.parametrize(
    ("declared", "name", "media_type"),
    [
        ("Text/HTML; charset=UTF-8", "page.pdf", "text/html"),
        ("image/svg+xml", "x", "image/svg+xml"),
        ("", "Notes.TXT", "text/plain"),
        ("binary/octet-stream", "table.csv", "text/csv"),
        ("application/octet-stream", "x.unheard-of", "application/octet-stream"),
        ("nonsense", "a.json", "application/json"),
        ("", "", "application/octet-stream"),
        ("", "pdf", "application/octet-stream"),
        ("audio/wav", "x", "audio/wav"),
    ],
)
def test_then_the_server_is_asked_and_then_the_name(declared: str, name: str, media_type: str) -> None:
    assert media_type_of(b"RIFF....WAVE", declared, name) == media_type


@pytest.mark.parametrize(
    ("name", "media_type", "given"),
    [
        ("cat.png", "image/png", "cat.png"),
        ("cat.JPEG", "image/jpeg", "cat.JPEG"),
        ("cat", "image/jpeg", "cat.jpg"),
        ("2601.00001", "application/pdf", "2601.00001.pdf"),
        ("cat.png", "image/webp", "cat.png.webp"),
        ("", "application/pdf", "file.pdf"),
        ("", "application/x-unknown", "file"),
        ("..", "text/plain", "file.txt"),
        ('a/b\\c"d\r\n\x00.txt', "text/plain", "abcd.txt"),
        ("pdf", "application/pdf", "pdf.pdf"),
    ],
)
def test_a_name_is_safe_and_fits(name: str, media_type: str, given: str) -> None:
    assert file_name(name, media_type) == given


def test_a_name_is_bounded() -> None:
    assert len(file_name("x" * 10_000 + ".txt", "text/plain")) == LONGEST_NAME
