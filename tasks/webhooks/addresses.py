"""Which addresses a webhook may be posted to: those of the public internet, and no other.

Whoever saves an endpoint decides what this service connects to, from inside its network. So each
address is judged before a socket opens, by this list and not by `ipaddress.is_private` or
`is_global`: on Python 3.13 neither knows NAT64 (`64:ff9b::a9fe:a9fe` is the metadata service of
most clouds), IPv4-compatible addresses, or multicast, and what they do know changes with the
release. Of IPv6 nothing counts as public but 2000::/3, so what is assigned later is refused until
somebody has looked at it.

The list is that of the IANA registries of special-purpose addresses (2026), plus what reaches an
IPv4 address by a detour, plus one public address that is none. What it costs: a receiver in an
own network needs `WEBHOOK_ALLOWED_NETWORKS`, the only exception; so does one behind the NAT64 of
a cluster that has no IPv4.
"""

from collections.abc import Sequence
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_network
from typing import Final

type Address = IPv4Address | IPv6Address
type Network = IPv4Network | IPv6Network

_PUBLIC_IPV6: Final = IPv6Network("2000::/3")
_REFUSED: Final[Sequence[tuple[str, str]]] = (
    ("0.0.0.0/8", "this host"),  # Linux connects to itself.
    ("10.0.0.0/8", "private"),
    ("100.64.0.0/10", "carrier-grade NAT"),  # Also Alibaba's metadata, 100.100.100.200.
    ("127.0.0.0/8", "loopback"),
    ("168.63.129.16/32", "Azure's host"),  # Public by its number, and in each machine there.
    ("169.254.0.0/16", "link-local"),  # The metadata of most clouds, 169.254.169.254.
    ("172.16.0.0/12", "private"),
    ("192.0.0.0/24", "protocol assignments"),
    ("192.0.2.0/24", "documentation"),
    ("192.88.99.0/24", "6to4 relay"),
    ("192.168.0.0/16", "private"),
    ("198.18.0.0/15", "benchmarking"),
    ("198.51.100.0/24", "documentation"),
    ("203.0.113.0/24", "documentation"),
    ("224.0.0.0/4", "multicast"),
    ("240.0.0.0/4", "reserved"),  # 255.255.255.255 too.
    ("::/128", "this host"),
    ("::1/128", "loopback"),
    ("::/96", "IPv4-compatible"),
    ("64:ff9b::/96", "NAT64"),
    ("64:ff9b:1::/48", "NAT64"),
    ("100::/64", "discard"),
    ("100:0:0:1::/64", "dummy"),
    ("2001::/32", "Teredo"),
    ("2001::/23", "protocol assignments"),
    ("2001:db8::/32", "documentation"),
    ("2002::/16", "6to4"),
    ("3fff::/20", "documentation"),
    ("5f00::/16", "segment routing"),
    ("fc00::/7", "private"),
    ("fe80::/10", "link-local"),
    ("fec0::/10", "site-local"),
    ("ff00::/8", "multicast"),
)
_RANGES: Final[Sequence[tuple[Network, str]]] = tuple(
    (ip_network(network), kind) for network, kind in _REFUSED
)


def unmapped(address: Address) -> Address:
    """Return the IPv4 address that `::ffff:0:0/96` stands for; any other as it is."""
    return getattr(address, "ipv4_mapped", None) or address


def is_within(address: Address, networks: Sequence[Network]) -> bool:
    """Whether the address lies in one of the networks; those of the other family have none."""
    return any(unmapped(address) in network for network in networks)


def refusal(address: Address, *, allowed: Sequence[Network]) -> str:
    """Return why nothing may be posted to the address, in a word or two; "" if it may."""
    address = unmapped(address)
    if is_within(address, allowed):
        return ""
    for network, kind in _RANGES:
        if address in network:
            return kind
    if isinstance(address, IPv6Address) and address not in _PUBLIC_IPV6:
        return "not assigned"
    return ""
