"""URLs are read in one way, or not at all."""

from __future__ import annotations

from ipaddress import ip_address

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from lambda_responses.outbound.faults import Refused
from lambda_responses.outbound.urls import LONGEST_URL, read_url


@pytest.mark.parametrize(
    ("url", "scheme", "host", "port", "target"),
    [
        ("https://example.com", "https", "example.com", 443, "/"),
        ("http://example.com/", "http", "example.com", 80, "/"),
        ("HTTPS://Example.COM/A.png", "https", "example.com", 443, "/A.png"),
        ("https://example.com:8443/a?b=c&d=%20#e", "https", "example.com", 8443, "/a?b=c&d=%20"),
        ("https://example.com?q=1", "https", "example.com", 443, "/?q=1"),
        (
            "https://a_b-c.example.com/~x/(1)/@2x,y;z=1",
            "https",
            "a_b-c.example.com",
            443,
            "/~x/(1)/@2x,y;z=1",
        ),
        ("https://example.com/my cat.png", "https", "example.com", 443, "/my%20cat.png"),
        ("https://example.com/é?ü=ß", "https", "example.com", 443, "/%C3%A9?%C3%BC=%C3%9F"),
        ("https://münchen.example/", "https", "xn--mnchen-3ya.example", 443, "/"),
        ("https://straße.example/", "https", "xn--strae-oqa.example", 443, "/"),
        ("http://8.8.8.8/x", "http", "8.8.8.8", 80, "/x"),
        ("http://[2606:4700::1111]:8080/x", "http", "2606:4700::1111", 8080, "/x"),
        ("http://1and1.example/", "http", "1and1.example", 80, "/"),
    ],
)
def test_a_plain_url_says_where_it_leads(url: str, scheme: str, host: str, port: int, target: str) -> None:
    place = read_url(url)
    assert (place.scheme, place.host, place.port, place.target) == (scheme, host, port, target)


def test_an_address_is_known_as_one() -> None:
    assert read_url("http://8.8.8.8/").address == ip_address("8.8.8.8")
    assert read_url("http://[2606:4700:0::1111]/").address == ip_address("2606:4700::1111")
    assert read_url("http://example.com/").address is None


@pytest.mark.parametrize(
    ("url", "authority"),
    [
        ("https://example.com:443/", "example.com"),
        ("http://example.com:443/", "example.com:443"),
        ("http://[2606:4700::1111]/", "[2606:4700::1111]"),
        ("http://[2606:4700::1111]:81/", "[2606:4700::1111]:81"),
    ],
)
def test_the_host_header_names_the_port_where_it_is_not_the_usual_one(url: str, authority: str) -> None:
    assert read_url(url).authority == authority


@pytest.mark.parametrize("url", ["https://example.com:8443/a?b=c#d", "http://[2606:4700::1111]:81/x%20y"])
def test_a_url_that_was_read_reads_the_same_again(url: str) -> None:
    assert read_url(read_url(url).url) == read_url(url)


@pytest.mark.parametrize(
    "url",
    [
        "",
        "http",
        "http://",
        "http:// /",
        "ftp://example.com/",
        "http://exa mple.com/",
        "http://example..com/",
        "http://.example.com/",
        "http://example.com./",
        "http://-a.example/",
        "http://a-.example/",
        f"http://{'a' * 64}.example/",
        f"http://{'.'.join(['a' * 60] * 5)}/",
        f"http://{'ü' * 3000}.example/",
        f"http://example.com/{'a' * LONGEST_URL}",
        "http://exam\u2024ple.com/",
        "http://exam!ple.com/",
        "http://8。8。8。8/",
        "http://example.0x/",
        "http://example.1/",
        "http://example.com:99999/",
        "http://\ud800.example/",
        "http://example.com/\ud800",
    ],
)
def test_what_is_no_plain_url_is_refused(url: str) -> None:
    with pytest.raises(Refused):
        read_url(url)


@given(st.one_of(st.text(), st.text().map("http://{}".format), st.text().map("https://a.example/{}".format)))
@example("http://[::1]extra/")
@example("http://a]b/")
def test_any_text_is_read_or_refused(text: str) -> None:
    try:
        place = read_url(text)
    except Refused:
        return
    assert place.target.isascii()
    assert place.target.startswith("/")
    assert not any(character <= " " or character in "#\\\x7f" for character in place.host + place.target)
