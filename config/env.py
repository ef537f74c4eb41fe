"""Typed readers of the environment that report every mistake at once.

An operator who starts the service with three wrong variables should learn of three, not of the
first one thrice. So a reader never raises: it notes the mistake, returns the default, and
`Environment.finish` ends the process with one line per mistake, each naming the variable and the
remedy. The value itself is never printed, since it may be a secret.

Every variable may also come as NAME_FILE, the path of a file that holds the value, which is how
Docker and Kubernetes hand over secrets. An empty variable counts as not set: compose files and
Helm charts write `NAME=` for what nobody configured.
"""

import os
import re
from collections.abc import Callable, Mapping
from contextlib import suppress
from ipaddress import IPv4Network, IPv6Network, ip_network
from pathlib import Path
from typing import Final

from environs import FileAwareEnv

type Network = IPv4Network | IPv6Network
type RateLimits = dict[str, tuple[int, int]]

DEFAULT_RATE_LIMITS: Final[Mapping[str, tuple[int, int]]] = {
    "anonymous": (60, 60),
    "user": (1200, 60),
    "write": (600, 60),
    "login": (10, 60),
}
# Those that may be limited; what has no default is off unless it is given.
RATE_LIMIT_SCOPES: Final = ("anonymous", "user", "sustained", "write", "login")
LOG_LEVELS: Final = ("DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL")
# RFC 3986, 4.1, without the brackets of an IPv6 address: a scheme, or no colon in the first part.
_URI_REFERENCE: Final = re.compile(
    r"(?:[a-z][a-z0-9+.-]*:|(?![^/?#]*:))(?:[a-z0-9._~:/?@!$&'()*+,;=-]|%[0-9a-f]{2})+"
    r"(?:#(?:[a-z0-9._~:/?@!$&'()*+,;=-]|%[0-9a-f]{2})*)?",
    re.ASCII | re.IGNORECASE,
)
_BOOLEANS: Final[Mapping[str, bool]] = {
    **dict.fromkeys(("true", "1", "yes", "on"), True),
    **dict.fromkeys(("false", "0", "no", "off"), False),
}


class Environment:
    """The environment of this process, and what is wrong with it."""

    def __init__(self) -> None:
        # Stripped, because `echo secret > file` ends in a newline that belongs to nobody's key.
        self._source = FileAwareEnv(strip_whitespace=True)
        self._mistakes: dict[str, str] = {}

    def text(self, name: str, default: str = "") -> str:
        """Return the variable's text without surrounding blanks, `default` if unset or empty."""
        file_name = f"{name}_FILE"
        if os.environ.get(name) and os.environ.get(file_name):
            self.mistake(name, f"is set and {file_name} too; keep one of them.")
            return default
        try:
            value: str = self._source.str(name, "")
        except (ValueError, OSError):
            self.mistake(file_name, "names no file that can be read as UTF-8; check path and mode.")
            return default
        return value.strip() or default

    def read[T](self, name: str, parse: Callable[[str], T], default: T) -> T:
        """Return what `parse` makes of the text; its ValueError carries the remedy."""
        text = self.text(name)
        if not text:
            return default
        try:
            return parse(text)
        except ValueError as error:
            self.mistake(name, str(error))
            return default

    def flag(self, name: str) -> bool:
        """Return the switch, off unless said."""
        return self.read(name, boolean, default=False)

    def integer(self, name: str, default: int, *, at_least: int, at_most: int) -> int:
        return self.read(name, lambda text: integer(text, at_least, at_most), default)

    def choice(self, name: str, choices: tuple[str, ...], default: str) -> str:
        return self.read(name, lambda text: one_of(text, choices), default)

    def directory(self, name: str, default: Path, *, create: bool) -> Path:
        """Return the directory's path; with `create` it is there afterwards, and writable."""
        path = Path(self.text(name, str(default)))
        if create:
            with suppress(OSError):
                path.mkdir(parents=True, exist_ok=True)
            if not (path.is_dir() and os.access(path, os.W_OK)):
                self.mistake(name, "must name a directory that this process may make and write.")
        return path

    def mistake(self, name: str, remedy: str) -> None:
        """Note what is wrong with a variable; the first mistake of each variable counts."""
        self._mistakes.setdefault(name, remedy)

    @property
    def names_read(self) -> list[str]:
        """The variables that were asked for; the documentation must describe exactly these."""
        return list(self._source.dump())

    @property
    def mistakes(self) -> list[str]:
        return [f"{name}: {remedy}" for name, remedy in self._mistakes.items()]

    def finish(self) -> None:
        """End the process with one line per mistake on stderr and exit code 1, if there are any.

        Raises:
            SystemExit: there are mistakes. No traceback: the lines are all there is to know.
        """
        if self._mistakes:
            raise SystemExit("\n".join(self.mistakes))


def boolean(text: str) -> bool:
    """Read a switch; `DEBUG=nope` is a mistake and not a quiet False."""
    try:
        return _BOOLEANS[text.lower()]
    except KeyError:
        raise ValueError("must be true or false.") from None


def integer(text: str, at_least: int, at_most: int) -> int:
    if not (text.isascii() and text.isdigit() and at_least <= int(text) <= at_most):
        raise ValueError(f"must be a whole number from {at_least} to {at_most}.")
    return int(text)


def one_of(text: str, choices: tuple[str, ...]) -> str:
    for choice in choices:
        if text.lower() == choice.lower():
            return choice
    raise ValueError(f"must be one of {', '.join(choices)}.")


def names(text: str) -> list[str]:
    """Read a comma-separated list; blanks around a name and empty names do not count."""
    return [name for part in text.split(",") if (name := part.strip())]


def networks(text: str) -> tuple[Network, ...]:
    """Read comma-separated addresses and CIDR networks."""
    try:
        return tuple(ip_network(name) for name in names(text))
    except ValueError:
        raise ValueError(
            "must be networks like 10.0.0.0/8, comma-separated, with no bits set after the prefix."
        ) from None


def rate_limits(text: str) -> RateLimits:
    """Read `scope=requests/seconds,…`; a scope that is left out keeps its default.

    `sustained` has none: without it there is no such limit.

    Returns:
        Requests and seconds by scope; an empty dict for `off`.
    """
    if text.lower() == "off":
        return {}
    given: RateLimits = {}
    for item in names(text):
        scope, _, quota = item.partition("=")
        if scope.strip() not in RATE_LIMIT_SCOPES or scope.strip() in given:
            raise ValueError(f"must name each of {', '.join(RATE_LIMIT_SCOPES)} at most once.")
        given[scope.strip()] = _quota(quota)
    return {**DEFAULT_RATE_LIMITS, **given}


def _quota(text: str) -> tuple[int, int]:
    try:
        limit, seconds = (integer(part.strip(), 1, 1_000_000) for part in text.split("/"))
    except ValueError:
        raise ValueError(
            "must be `off`, or requests/seconds by scope, like user=1200/60,login=10/60."
        ) from None
    return limit, seconds


def readable_file(text: str) -> str:
    if not (Path(text).is_file() and os.access(text, os.R_OK)):
        raise ValueError("names no file that this process can read; check path and mode.")
    return text


def uri_reference(text: str) -> str:
    """Read a name as CloudEvents has it: a URI, or the part of one that means it everywhere."""
    if not _URI_REFERENCE.fullmatch(text):
        raise ValueError("must be a URI reference like https://tasks.example.org or /tasks.")
    return text


def amqp_url(text: str) -> str:
    """Read the URL of a broker, with both user and password or neither: pika takes no half."""
    url = url_of("amqp", "amqps")(text)
    if "@" in url and ":" not in url.partition("://")[2].rpartition("@")[0]:
        raise ValueError(
            "names a user and no password; write amqp://USER:PASSWORD@HOST:PORT/VHOST."
        )
    return url


def url_of(*schemes: str) -> Callable[[str], str]:
    """Make a reader that accepts a URL with one of the schemes and a host."""

    def parse(text: str) -> str:
        scheme, separator, rest = text.partition("://")
        if not separator or scheme not in schemes or rest.startswith("/") or not rest:
            raise ValueError(f"must be a URL that begins with {' or '.join(schemes)}://HOST.")
        return text

    return parse
