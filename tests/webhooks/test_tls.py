"""Whose certificates are believed, and for which names."""

from ipaddress import IPv4Address, ip_network

import pytest
from cryptography import x509

from tasks.webhooks.transport import Failure, PostFailed
from tests.webhooks.posting import post
from tests.webhooks.receivers import Authority, Receiver, receiver

pytestmark = pytest.mark.once
LOOPBACK = (ip_network("127.0.0.0/8"),)
NAME = x509.DNSName("localhost")
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"


def outcome(host: str, running: Receiver) -> int | Failure:
    url = f"https://{host}:{running.port}/"
    try:
        return post(url, allowed=LOOPBACK).status
    except PostFailed as failed:
        return failed.code


@pytest.mark.parametrize(
    ("certified", "host", "expected"),
    [
        (NAME, "localhost", 200),
        (NAME, "LOCALHOST.", 200),
        (NAME, "other.localhost", Failure.TLS),
        (NAME, "127.0.0.1", Failure.TLS),
        (x509.DNSName("*.hooks.localhost"), "a.hooks.localhost", 200),
        (x509.DNSName("*.hooks.localhost"), "hooks.localhost", Failure.TLS),
        (x509.DNSName("*.hooks.localhost"), "a.b.hooks.localhost", Failure.TLS),
        (x509.DNSName("127.0.0.1"), "127.0.0.1", Failure.TLS),
        (x509.IPAddress(IPv4Address("127.0.0.1")), "127.0.0.1", 200),
        (x509.IPAddress(IPv4Address("127.0.0.1")), "127.0.0.2", Failure.TLS),
        (x509.IPAddress(IPv4Address("127.0.0.1")), "localhost", Failure.TLS),
    ],
)
def test_it_posts_only_to_who_has_a_certificate_for_the_name(
    certified: x509.GeneralName, host: str, expected: int | Failure, trusted: Authority
) -> None:
    with receiver(OK, trusted.server(certified), host="0.0.0.0") as running:
        assert outcome(host, running) == expected
        assert len(running.requests) == (1 if expected == 200 else 0)


def test_it_verifies_each_name_though_they_have_one_address(trusted: Authority) -> None:
    with receiver(OK, trusted.server(NAME)) as running:
        assert [outcome(host, running) for host in ("localhost", "evil.localhost")] == [200, "tls"]
        assert running.accepted == 2


def test_it_names_the_host_in_the_handshake(trusted: Authority) -> None:
    asked: list[str | None] = []
    context = trusted.server(NAME)
    context.sni_callback = lambda _connection, name, _context: asked.append(name)
    with receiver(OK, context) as running:
        outcome("localhost.", running)
        outcome("127.0.0.1", running)
    assert asked == ["localhost", None]  # An address is no server name (RFC 6066).


def test_it_refuses_a_certificate_that_has_expired(trusted: Authority) -> None:
    with receiver(OK, trusted.server(NAME, hours=-1)) as running:
        assert outcome("localhost", running) is Failure.TLS
        assert running.requests == []


def test_it_refuses_a_certificate_of_nobody_it_knows(authority: Authority) -> None:
    with receiver(OK, authority.server(NAME)) as running:
        assert outcome("localhost", running) is Failure.TLS
        assert running.requests == []
