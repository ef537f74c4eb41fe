"""What may be posted to, address by address, and that nothing else reaches the own network."""

from collections.abc import Iterator
from ipaddress import ip_address, ip_network

import pytest

from tasks.webhooks.addresses import refusal
from tasks.webhooks.destination import BadURL, check_url, read
from tasks.webhooks.transport import Failure, PostFailed
from tests.webhooks.posting import post
from tests.webhooks.receivers import Receiver, everywhere, receiver

pytestmark = pytest.mark.once

REFUSED = {
    "0.0.0.0": "this host",
    "0.255.255.255": "this host",
    "10.0.0.1": "private",
    "100.64.0.1": "carrier-grade NAT",
    "100.100.100.200": "carrier-grade NAT",
    "100.127.255.255": "carrier-grade NAT",
    "127.0.0.1": "loopback",
    "127.255.255.254": "loopback",
    "168.63.129.16": "Azure's host",
    "169.254.169.254": "link-local",
    "172.16.0.1": "private",
    "172.31.255.255": "private",
    "192.0.0.192": "protocol assignments",
    "192.0.2.1": "documentation",
    "192.88.99.1": "6to4 relay",
    "192.168.1.1": "private",
    "198.18.0.1": "benchmarking",
    "198.19.255.255": "benchmarking",
    "198.51.100.7": "documentation",
    "203.0.113.7": "documentation",
    "224.0.0.1": "multicast",
    "239.255.255.250": "multicast",
    "240.0.0.1": "reserved",
    "255.255.255.255": "reserved",
    "::": "this host",
    "::1": "loopback",
    "::127.0.0.1": "IPv4-compatible",
    "::8.8.8.8": "IPv4-compatible",
    "::ffff:127.0.0.1": "loopback",
    "::ffff:169.254.169.254": "link-local",
    "::ffff:0:127.0.0.1": "not assigned",
    "64:ff9b::7f00:1": "NAT64",
    "64:ff9b::a9fe:a9fe": "NAT64",
    "64:ff9b::808:808": "NAT64",
    "64:ff9b:1::a9fe:a9fe": "NAT64",
    "64:ff9b:1:ffff::1": "NAT64",
    "64:ff9b:2::1": "not assigned",
    "100::1": "discard",
    "100:0:0:1::1": "dummy",
    "2001::1": "Teredo",
    "2001:2::1": "protocol assignments",
    "2001:1ff:ffff::1": "protocol assignments",
    "2001:db8::1": "documentation",
    "2002:7f00:1::": "6to4",
    "2002:808:808::1": "6to4",
    "3fff::1": "documentation",
    "3fff:fff::1": "documentation",
    "4000::1": "not assigned",
    "5f00::1": "segment routing",
    "fc00::1": "private",
    "fd00:ec2::254": "private",
    "fe80::1": "link-local",
    "fe80::1%eth0": "link-local",
    "fec0::1": "site-local",
    "ff02::1": "multicast",
    "ffff::1": "multicast",
}
PUBLIC = [
    *("1.1.1.1", "8.8.8.8", "9.255.255.255", "11.0.0.0", "100.63.255.255", "100.128.0.0"),
    *("126.255.255.255", "128.0.0.0", "168.63.129.15", "169.253.255.255", "172.15.255.255"),
    *("172.32.0.0", "192.0.1.0", "192.88.98.255", "198.17.255.255", "198.20.0.0"),
    *("223.255.255.255", "::ffff:8.8.8.8", "2000::1", "2001:200::1", "2001:4860:4860::8888"),
    *("2606:4700::1111", "2a00::1", "3ffe::1", "3fff:1000::1"),
]


@pytest.mark.parametrize(("address", "why"), REFUSED.items())
def test_it_refuses_what_is_not_of_the_public_internet(address: str, why: str) -> None:
    assert refusal(ip_address(address), allowed=()) == why


@pytest.mark.parametrize("address", PUBLIC)
def test_it_lets_the_public_internet_be_posted_to(address: str) -> None:
    assert refusal(ip_address(address), allowed=()) == ""


def test_it_makes_an_exception_of_the_allowed_networks_and_of_nothing_beside() -> None:
    allowed = ip_network("10.1.0.0/16"), ip_network("fd00::/8")
    reasons = {
        address: refusal(ip_address(address), allowed=allowed)
        for address in ("10.1.2.3", "::ffff:10.1.2.3", "10.2.0.1", "fd00::1", "fc00::1", "::1")
    }
    assert reasons == {
        "10.1.2.3": "",
        "::ffff:10.1.2.3": "",
        "10.2.0.1": "private",
        "fd00::1": "",
        "fc00::1": "private",
        "::1": "loopback",
    }


# Forms that lead to the loopback, or make two readers disagree about where they lead. `P` is the
# port of a canary there.
TO_THE_LOOPBACK = [
    *("https://127.0.0.1:P/", "https://127.0.0.2:P/", "https://127.0.0.1.:P/"),
    *("https://0x7f000001:P/", "https://0x7f.1:P/", "https://0X7F.0x0.0x0.0x1:P/"),
    *("https://2130706433:P/", "https://017700000001:P/", "https://0177.0.0.1:P/"),
    *("https://0177.0.0.01:P/", "https://127.1:P/", "https://127.0.1:P/", "https://0:P/"),
    *("https://0.0.0.0:P/", "https://00000.0:P/", "https://127.000.000.001:P/"),
    *("https://localhost:P/", "https://LOCALHOST:P/", "https://localhost.:P/"),
    *("https://any.localhost:P/", "https://[::1]:P/", "https://[::]:P/"),
    *("https://[0:0:0:0:0:0:0:1]:P/", "https://[::127.0.0.1]:P/", "https://[::ffff:127.0.0.1]:P/"),
    *("https://[::ffff:7f00:1]:P/", "https://[0:0:0:0:0:ffff:7f00:0001]:P/"),
    *(
        "https://[64:ff9b::7f00:1]:P/",
        "https://[64:ff9b:1::7f00:1]:P/",
        "https://[2002:7f00:1::]:P/",
    ),
]
UNCLEAR = [
    *("https://①②⑦.⓪.⓪.①:P/", "https://127。0。0。1:P/", "https://１２７.0.0.1:P/"),
    *("https://ⓛocalhost:P/", "https://l\u00adocalhost:P/", "https://example.com@127.0.0.1:P/"),
    *("https://127.0.0.1:P@example.com/", "https://@127.0.0.1:P/", "https://:@127.0.0.1:P/"),
    *("https://example.com:443@127.0.0.1:P/", "https://example.com#@127.0.0.1:P/"),
    *("https://127.0.0.1:P#@example.com/", "https://127.0.0.1:P\\@example.com/"),
    *("https://example.com\\@127.0.0.1:P/", "https:\\\\127.0.0.1:P/", "https:/127.0.0.1:P/"),
    *("https:127.0.0.1:P/", "//127.0.0.1:P/", "///127.0.0.1:P/", "127.0.0.1:P/"),
    *("https://127.0.0.1 :P/", " https://127.0.0.1:P/", "https://127.0.0.1:P/\n"),
    *("https://exam\tple.com:P/", "https://127.0.0.1%00:P/", "https://%31%32%37.0.0.1:P/"),
    *("https://127%2e0%2e0%2e1:P/", "https://localhost%09:P/", "https://127.0.0.1:P:443/"),
    *("https://127.0.0.1,example.com:P/", "https://[::1%25lo]:P/", "https://[::1%lo]:P/"),
    *("https://[127.0.0.1]:P/", "https://[::1:P/", "https://::1:P/", "https://127.0.0.1..:P/"),
    *("https://.127.0.0.1:P/", "https://:P/", "https:///", "https://127.0.0.1:0/"),
    *("https://127.0.0.1:99999/", "https://127.0.0.1:-1/", "https://127.0.0.1:P1e1/"),
    *("ftp://127.0.0.1:P/", "file:///etc/passwd", "gopher://127.0.0.1:P/", "unix:///run/x", ""),
]


@pytest.fixture(scope="module")
def canary() -> Iterator[Receiver]:
    """Listens on all of the loopback, of both families."""
    with receiver(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", host=everywhere()) as running:
        yield running


@pytest.mark.parametrize("form", TO_THE_LOOPBACK)
def test_it_does_not_reach_the_loopback_in_any_form(form: str, canary: Receiver) -> None:
    for scheme in ("https", "http"):
        url = scheme + form.removeprefix("https").replace("P/", f"{canary.port}/")
        with pytest.raises(BadURL):
            check_url(url, allowed=())
        with pytest.raises(PostFailed) as failed:
            post(url, allowed=(), seconds=5)
        assert failed.value.code is Failure.ADDRESS_REFUSED
    assert canary.accepted == 0


@pytest.mark.parametrize("form", UNCLEAR)
def test_it_refuses_to_guess_where_a_url_leads(form: str, canary: Receiver) -> None:
    url = form.replace(":P", f":{canary.port}")
    everything = ip_network("0.0.0.0/0"), ip_network("::/0")
    with pytest.raises(BadURL):
        check_url(url, allowed=everything)
    with pytest.raises(PostFailed) as failed:
        post(url, allowed=everything, seconds=5)
    assert failed.value.code is Failure.URL
    assert canary.accepted == 0


@pytest.mark.parametrize(
    ("url", "allowed", "fits"),
    [
        ("https://example.com/hook", (), True),
        ("https://example.com:8443/hook", (), True),
        ("https://example.com:1024/", (), True),
        ("https://example.com:1023/", (), False),
        ("https://example.com:80/", (), False),
        ("https://example.com:25/", (), False),
        ("http://example.com/", (), False),
        ("http://example.com:443/", (), False),
        ("https://8.8.8.8/", (), True),
        ("http://8.8.8.8/", ("10.0.0.0/8",), False),
        ("https://10.0.0.1/", ("10.0.0.0/8",), True),
        ("http://10.0.0.1:25/", ("10.0.0.0/8",), True),
        (
            "http://receiver/",
            ("10.0.0.0/8",),
            True,
        ),  # Its addresses are judged when it is posted to.
        ("https://11.0.0.1/", ("10.0.0.0/8",), True),
        ("https://192.168.0.1/", ("10.0.0.0/8",), False),
        ("https://localhost/", ("10.0.0.0/8",), False),
        ("http://localhost:8000/", ("127.0.0.0/8",), True),
        ("http://[::1]:8000/", ("::1/128",), True),
    ],
)
def test_it_has_http_and_reserved_ports_for_allowed_networks_only(
    url: str, allowed: tuple[str, ...], fits: bool
) -> None:
    networks = [ip_network(network) for network in allowed]
    if fits:
        check_url(url, allowed=networks)
    else:
        with pytest.raises(BadURL, match=r"^Only .* can be posted to.*\.$"):
            check_url(url, allowed=networks)


@pytest.mark.parametrize("url", ["http://8.8.8.8:8080/", "https://8.8.8.8:25/", "http://8.8.8.8/"])
def test_it_does_not_post_by_http_or_to_reserved_ports_of_public_addresses(url: str) -> None:
    with pytest.raises(PostFailed) as failed:
        post(url, allowed=[ip_network("10.0.0.0/8")], seconds=1)
    assert failed.value.code is Failure.ADDRESS_REFUSED


def test_it_reads_a_url_into_what_is_connected_to_and_asked_for() -> None:
    destination = read("HTTPS://Faß.Example.:443/a/../b?q=ü&r=%2F")
    assert destination == (True, "xn--fa-hia.example", 443, "/b?q=%C3%BC&r=%2F")
    assert destination.authority == "xn--fa-hia.example"
    assert read("https://[2001:DB8::1]:8443").authority == "[2001:db8::1]:8443"
    assert read("http://example.com:443?x=1") == (False, "example.com", 443, "/?x=1")
    assert read("http://example.com:443").authority == "example.com:443"
