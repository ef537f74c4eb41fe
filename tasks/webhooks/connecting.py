"""From a host's name to a socket that is connected to one of its addresses, all of them judged.

The look into the DNS, the judgement and the connection are one thing, because between any two of
them a name may change what it means. `getaddrinfo` knows no timeout, so a thread asks it and may be
left behind; it ends by the limits of the system's resolver, 10 to 30 seconds as a rule. So there
are at most a few such threads per delivery that runs.
"""

import socket
import ssl
import threading
from collections.abc import Sequence
from concurrent.futures import Future
from contextlib import ExitStack
from functools import cache
from ipaddress import IPv4Address, ip_address
from typing import Final

from tasks.webhooks.addresses import Address, Network, is_within, refusal, unmapped
from tasks.webhooks.destination import Destination
from tasks.webhooks.wire import Deadline

_TRIED: Final = 4  # addresses of a name; whoever names more gets no more tries


class Unresolved(Exception):
    """The name has no address, or nobody says which."""


class AddressRefused(Exception):
    """One of the addresses may not be posted to."""


class Unreachable(Exception):
    """No address took the connection."""


def connect(
    destination: Destination, *, allowed: Sequence[Network], deadline: Deadline
) -> socket.socket:
    """Return a connection, with TLS if the URL said https, whose certificate has been verified.

    Raises:
        Unresolved, AddressRefused, Unreachable, TimeoutError, OSError: there is none. An
            ssl.SSLError is an OSError.
    """
    addresses = destination.literals(allowed) or _resolve(destination.host, deadline)
    _judge(destination, addresses, allowed)
    connection = _connect(addresses[:_TRIED], destination.port, deadline)
    if not destination.secure:
        return connection
    with connection:  # TLS takes its descriptor over, whatever comes; this closes the husk.
        connection.settimeout(deadline.left())
        return tls().wrap_socket(connection, server_hostname=destination.host)


@cache
def tls() -> ssl.SSLContext:
    """Return what certificates are trusted: the system's, or SSL_CERT_FILE and SSL_CERT_DIR.

    Made once, since it reads some 150 certificates; a change counts from the next start on.
    """
    return ssl.create_default_context()


def _resolve(host: str, deadline: Deadline) -> list[Address]:
    coming: Future[list[Address]] = Future()
    threading.Thread(target=_look_up, args=(host, coming), name="resolve", daemon=True).start()
    return coming.result(deadline.left())


def _look_up(host: str, coming: Future[list[Address]]) -> None:
    try:
        # As bytes, or Python would read the name once more, by IDNA of 2003.
        found = socket.getaddrinfo(host.encode(), None, type=socket.SOCK_STREAM)
        coming.set_result([unmapped(ip_address(answer[4][0])) for answer in found])
    except socket.gaierror as error:
        coming.set_exception(Unresolved(error.strerror))
    except BaseException as error:  # noqa: BLE001 - passed on, to the thread that waits
        coming.set_exception(error)


def _judge(
    destination: Destination, addresses: Sequence[Address], allowed: Sequence[Network]
) -> None:
    """Refuse the whole name for one bad address: a public name does not have any.

    To connect to the good ones only would let a name with both through, and then all depends on
    each later look being as careful.
    """
    for address in addresses:
        if reason := refusal(address, allowed=allowed):
            raise AddressRefused(reason)
        if not (destination.is_ordinary or is_within(address, allowed)):
            raise AddressRefused("http, or a port below 1024, outside the allowed networks")


def _connect(addresses: Sequence[Address], port: int, deadline: Deadline) -> socket.socket:
    """Try one address after the other, each with its share of the time that is left."""
    refused: OSError | None = None
    for number, address in enumerate(addresses):
        try:
            return _open(address, port, deadline.left() / (len(addresses) - number))
        except OSError as error:
            refused = error
    deadline.left()  # If that is nothing, it was the time and not the receiver.
    raise Unreachable from refused


def _open(address: Address, port: int, seconds: float) -> socket.socket:
    family = socket.AF_INET if isinstance(address, IPv4Address) else socket.AF_INET6
    with ExitStack() as stack:
        connection = stack.enter_context(socket.socket(family, socket.SOCK_STREAM))
        connection.settimeout(seconds)
        connection.connect((str(address), port))
        # Head and body are two writes; Nagle's algorithm would hold the second one back.
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        stack.pop_all()
        return connection
