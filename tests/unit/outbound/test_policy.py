"""What is open to everybody, and what an operator opens besides."""

from __future__ import annotations

from ipaddress import ip_address

import pytest

from lambda_responses.outbound.faults import Refused
from lambda_responses.outbound.policy import OutboundPolicy, check_url, read_policy
from tests.fakes.closed_addresses import LOOPBACK, PORTS, PRIVATE, SCHEMES


def opens(policy: OutboundPolicy, url: str) -> bool:
    """Whether the URL can be seen to be open, or at least not seen to be closed."""
    try:
        check_url(url, policy)
    except Refused:
        return False
    return True


@pytest.mark.parametrize("url", [*LOOPBACK, *PRIVATE, *PORTS, *SCHEMES])
@pytest.mark.parametrize("port", [80, 443, 9001])
def test_a_closed_address_is_closed_at_sight(url: str, port: int) -> None:
    assert not opens(OutboundPolicy(), url.format(port=port))


@pytest.mark.parametrize(
    "url",
    [
        "https://example.com/a.png",
        "http://example.com:80/",
        "http://example.com:443/",
        "https://8.8.8.8/",
        "https://[2606:4700:4700::1111]/",
        "https://localhost.example.com/",
        "https://münchen.example/",
    ],
)
def test_the_web_is_open(url: str) -> None:
    assert opens(OutboundPolicy(), url)


@pytest.mark.parametrize(
    ("entry", "opened", "still_closed"),
    [
        ("localhost", "http://localhost/", "http://localhost:8080/"),
        ("localhost", "https://localhost/", "http://127.0.0.1/"),
        ("localhost:8080", "http://localhost:8080/", "http://localhost/"),
        ("Files.Corp", "http://files.corp/", "http://other.corp/"),
        ("127.0.0.1", "http://127.0.0.1/", "http://127.0.0.2/"),
        ("127.0.0.1:9000", "http://127.0.0.1:9000/", "http://127.0.0.1/"),
        ("10.0.0.0/8", "http://10.1.2.3/", "http://10.1.2.3:9000/"),
        ("10.0.0.0/8", "http://[::ffff:10.1.2.3]/", "http://11.1.2.3:9000/"),
        ("10.0.0.0/8:9000", "http://10.1.2.3:9000/", "http://10.1.2.3/"),
        ("10.0.0.0/8:9000", "http://files.corp:9000/", "http://files.corp/"),
        ("10.0.0.0/8", "http://files.corp/", "http://files.corp:9000/"),
        ("fd00::/8", "http://[fd00::1]/", "http://[fc00::1]/"),
        ("[fd00::/8]:9000", "http://[fd00::1]:9000/", "http://[fd00::1]/"),
        ("[fd00::1]", "http://[fd00::1]/", "http://[fd00::2]/"),
        ("fd00::1", "http://[fd00::1]/", "http://[fd00::2]/"),
        ("example.com:8443", "https://example.com:8443/", "https://example.com:8444/"),
    ],
)
def test_an_exception_opens_what_it_names_and_nothing_else(
    entry: str, opened: str, still_closed: str
) -> None:
    policy = read_policy(entry)
    assert opens(policy, opened)
    assert not opens(OutboundPolicy(), opened)
    assert not opens(policy, still_closed)


def test_a_name_that_is_allowed_may_lead_anywhere_and_another_may_not() -> None:
    policy = OutboundPolicy(["files.corp:9000", "10.0.0.0/8"])
    private = ip_address("192.168.0.1")
    assert policy.permits("files.corp", private, 9000)
    assert not policy.permits("files.corp", private, 80)
    assert not policy.permits("other.corp", private, 9000)
    assert policy.permits("other.corp", ip_address("10.0.0.1"), 443)
    assert not policy.permits("other.corp", ip_address("10.0.0.1"), 9000)
    assert policy.permits("other.corp", ip_address("8.8.8.8"), 443)


def test_the_setting_lists_exceptions() -> None:
    policy = read_policy(" localhost:9000, 10.0.0.0/8 ,")
    assert opens(policy, "http://localhost:9000/")
    assert opens(policy, "http://10.0.0.1/")
    assert not opens(read_policy(""), "http://10.0.0.1/")


@pytest.mark.parametrize(
    "entry",
    ["a b", "http://example.com", "example.com:0", "example.com:65536", "10.0.0.1/8", "10.0.0.0/33", "127.1",
     "*.example.com", "[::1", "::1:9000:x", "[example.com]:x", "a:b:c", "example.com/24",
     "s3://", "s3://B", "s3://bucket?bucketOwner=1", "gs://bucket/a/../b", "az://bucket"],
)  # fmt: skip
def test_an_entry_that_says_nothing_is_named_by_its_place_alone(entry: str) -> None:
    with pytest.raises(ValueError, match=r"^entry 2 is no host, address or network, .* and no bucket$"):
        read_policy(f"example.com,{entry}")


def opens_stored(policy: OutboundPolicy, address: str) -> bool:
    try:
        policy.check_stored(address)
    except Refused:
        return False
    return True


@pytest.mark.parametrize("entry", ["s3://bucket/in", "s3://bucket/in/"])
@pytest.mark.parametrize(
    ("address", "is_open"),
    [
        ("s3://bucket/in/cat.png", True),
        ("s3://bucket/in/a b/ä%20.png", True),
        ("s3://bucket/in", True),
        ("s3://bucket/inside.png", False),
        ("s3://bucket/cat.png", False),
        ("s3://bucket", False),
        ("s3://bucket2/in/cat.png", False),
        ("gs://bucket/in/cat.png", False),
        ("S3://bucket/in/cat.png", False),
        ("s3://bucket/in/cat.png?bucketOwner=123456789012", False),
        ("s3://bucket/in/cat.png#x", False),
        ("s3://bucket/in/../cat.png", False),
        ("s3://bucket/in/%2e%2e/cat.png", False),
        ("s3://bucket/in/..%2fcat.png", False),
        ("s3://bucket/in/./cat.png", False),
        ("s3://bucket/in/\\..\\cat.png", False),
        ("s3://bucket/in/\ncat.png", False),
        ("s3://me@bucket/in/cat.png", False),
        ("s3://bucket:80/in/cat.png", False),
        ("s3:///bucket/in/cat.png", False),
        ("s3://bucket/in/" + "a" * 5_000, False),
    ],
)
def test_an_entry_opens_a_prefix_of_a_bucket(entry: str, address: str, is_open: bool) -> None:
    assert opens_stored(read_policy(entry), address) == is_open
    assert not opens_stored(read_policy("bucket,10.0.0.0/8"), address)


def test_an_entry_opens_a_whole_bucket_and_no_host() -> None:
    policy = read_policy("gs://bucket, s3:9000")
    assert opens_stored(policy, "gs://bucket/any/thing.pdf")
    assert not opens_stored(policy, "gs://bucket.other/thing.pdf")
    assert not opens(policy, "http://bucket/")
    assert opens(policy, "http://s3:9000/bucket/cat.png")


@pytest.mark.parametrize(
    ("url", "alone"),
    [
        ("http://localhost/", True),
        ("http://10.0.0.1/", True),
        ("http://8.8.8.8:9000/", True),
        ("https://files.example.com/", True),
        ("http://printer.lan/", True),
        ("http://8.8.8.8/", False),
        ("https://www.example.com/", False),
    ],
)
def test_what_an_exception_opens_is_open_to_us_alone(url: str, alone: bool) -> None:
    policy = read_policy("localhost, 10.0.0.0/8, 8.8.8.8:9000, files.example.com")
    assert policy.opens_for_us_alone(check_url(url, policy)) == alone
