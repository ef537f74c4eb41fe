"""What a webhook's URL says, read once and by one reader.

Two readers that disagree about where the host of a URL ends are the classic hole: one is asked
whether the host is harmless, the other connects. So `urllib3` reads it, strictly by RFC 3986, and
from here on there are only the parts. What readers are known to disagree about (user names,
backslashes, blanks, percent signs in the host) is refused rather than understood.
"""

import re
import socket
from collections.abc import Sequence
from ipaddress import IPv4Address, IPv6Address, ip_address
from typing import Final, NamedTuple

from urllib3.exceptions import LocationParseError
from urllib3.util import Url, parse_url

from tasks.webhooks.addresses import Address, Network, is_within, refusal, unmapped

_DEFAULT_PORTS: Final = {True: 443, False: 80}  # By `secure`.
# Below are the ports of mail, ssh, DNS and the like, which a webhook has no business with.
_FIRST_FREE_PORT: Final = 1024
_LABEL: Final = r"[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?"
_NAME: Final = re.compile(rf"(?=.{{1,253}}$){_LABEL}(?:\.{_LABEL})*")
_AMBIGUOUS: Final = re.compile(r"[\x00-\x20\x7f\\#]|^[^/?]*//[^/?]*[@%]")
_LOOPBACK: Final = (IPv4Address("127.0.0.1"), IPv6Address("::1"))


class BadURL(ValueError):
    """Nothing can be posted to this URL; the text is a sentence for whoever gave it."""


class Destination(NamedTuple):
    """The parts of a URL that may be posted to, if the addresses of its host may be."""

    secure: bool
    host: str  # In ASCII and lower case; no brackets, no dot at the end.
    port: int
    target: str  # Path and query.

    @property
    def is_ordinary(self) -> bool:
        """Whether it is https, on 443 or from 1024 on; all else is for allowed networks only."""
        free = self.port == _DEFAULT_PORTS[True] or self.port >= _FIRST_FREE_PORT
        return self.secure and free

    @property
    def authority(self) -> str:
        """The value of the header Host."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == _DEFAULT_PORTS[self.secure] else f"{host}:{self.port}"

    def literals(self, allowed: Sequence[Network]) -> Sequence[Address]:
        """Return the addresses that the host is known to be without the DNS; none for a name.

        `localhost` is the loopback by RFC 6761, of whichever family is allowed. What is a number
        is for the system's resolver to say, since that reads more forms than we (0x7f.1).
        """
        if self.host.rpartition(".")[2] == "localhost":
            return [address for address in _LOOPBACK if is_within(address, allowed)] or _LOOPBACK
        try:
            found = socket.getaddrinfo(
                self.host.encode(), None, type=socket.SOCK_STREAM, flags=socket.AI_NUMERICHOST
            )
        except socket.gaierror:
            return ()
        return [unmapped(ip_address(answer[4][0])) for answer in found]


def check_url(url: str, *, allowed: Sequence[Network]) -> None:
    """Look, without the DNS, whether a URL is one that can be posted to at all.

    Raises:
        BadURL: it is not.
    """
    destination = read(url)
    literals = destination.literals(allowed)
    if any(refusal(address, allowed=allowed) for address in literals):
        raise BadURL("Only addresses of the public internet can be posted to.")
    # A name's addresses are judged when it is posted to; until then it may be one of those allowed.
    excepted = allowed and all(is_within(address, allowed) for address in literals)
    if not (destination.is_ordinary or excepted):
        raise BadURL("Only https can be posted to, on port 443 or one from 1024.")


def read(url: str) -> Destination:
    """Return the parts of a URL; raises BadURL with a sentence where it has no clear ones."""
    parts = _parsed(url)
    if parts.scheme not in ("https", "http"):
        raise BadURL("The URL must begin with https://.")
    host = (parts.host or "").lower().removeprefix("[").removesuffix("]")
    host = host.removesuffix(".")  # `example.com.` is the same name, and no certificate has it.
    if not (_NAME.fullmatch(host) or ":" in host):
        raise BadURL("The URL must name a host, like https://example.com/hook.")
    secure = parts.scheme == "https"
    port = _DEFAULT_PORTS[secure] if parts.port is None else parts.port
    if port == 0:
        raise BadURL("The URL's port must be from 1 to 65535.")
    return Destination(secure, host, port, parts.request_uri)


def _parsed(url: str) -> Url:
    if _AMBIGUOUS.search(url):
        raise BadURL(
            "The URL must have no user, fragment, backslash or blank, and no percent sign in its"
            " host."
        )
    try:
        return parse_url(url)
    except LocationParseError:
        raise BadURL("The URL must be like https://example.com/hook.") from None
