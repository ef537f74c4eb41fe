"""Rate limits as DRF throttle classes, and the headers that tell clients about them.

Signed-in users have a budget of their own, if RATE_LIMITS says so a second one over a longer time,
and a narrower one for writes; everybody else shares the budget of their address. Sign-in has two,
one for the account and one for the address, so that neither one machine guessing many accounts nor
many machines guessing one gets far; the API's and the form of the browsers spend the same two. The
limits are `RATE_LIMITS`; they are counted in `tasks.ratelimit`.
"""

import hashlib
import math
import os
import unicodedata
from collections.abc import Iterable, Sequence
from contextlib import suppress
from functools import lru_cache
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address
from typing import TYPE_CHECKING, Any, Final

from django.conf import settings
from django.http import HttpRequest
from redis import RedisError
from rest_framework.permissions import SAFE_METHODS
from rest_framework.request import Request
from rest_framework.throttling import BaseThrottle

from tasks import metrics
from tasks.ratelimit import Budget, Decision, LocalStore, Store
from tasks.ratelimit_redis import FallbackStore, RedisStore

if TYPE_CHECKING:
    # At run time that module imports this one: it reads DEFAULT_THROTTLE_CLASSES.
    from rest_framework.views import APIView

type Address = IPv4Address | IPv6Address
type Network = IPv4Network | IPv6Network
type Outcome = list[tuple[Budget, Decision]]

LOCAL: Final = LocalStore()
_LONGEST_NAME: Final = 256  # Characters; a username has at most 150.
_IPV6_SUBNET: Final = ~0 << 64


class BudgetThrottle(BaseThrottle):
    """Spends one request in each budget that a subclass names, or in none."""

    def __init__(self) -> None:
        self._wait = 0

    def allow_request(self, request: Request, view: "APIView") -> bool:
        """Count the request; always true while RATE_LIMITS is off."""
        if settings.RATE_LIMITS:
            self._wait = spend(request._request, self.budgets(request))
        return not self._wait

    def budgets(self, request: Request) -> list[Budget]:
        raise NotImplementedError

    def wait(self) -> float:
        """Return the whole seconds after which a refused request would pass."""
        return float(self._wait)


class RequestThrottle(BudgetThrottle):
    """The budgets of the user, and of their writes; that of the address for everybody else."""

    def budgets(self, request: Request) -> list[Budget]:
        user = request.user
        if not user.is_authenticated:
            return [_budget("anonymous", client_address(request._request))]
        budgets = [_budget("user", user.pk)]
        if "sustained" in settings.RATE_LIMITS:
            budgets.append(_budget("sustained", user.pk))
        if request.method not in SAFE_METHODS:
            budgets.append(_budget("write", user.pk))
        return budgets


class LoginThrottle(BudgetThrottle):
    """The budgets of sign-in: one for the account that is tried, one for the address."""

    _data: Any = None

    def allow_request(self, request: Request, view: "APIView") -> bool:
        """Count the request, also one whose body cannot be read, and say then what is wrong."""
        try:
            self._data = request.data
        except Exception:
            # The parser complains once and shows an empty body from then on, so what it said goes
            # on from here: swallowed, it would come out as a missing username.
            if super().allow_request(request, view):
                raise
            return False
        return super().allow_request(request, view)

    def budgets(self, request: Request) -> list[Budget]:
        return _login_budgets(request._request, self._data)


def count_login(request: HttpRequest) -> int:
    """Count a sign-in by the form; return the seconds to wait if it is refused, else 0."""
    if not settings.RATE_LIMITS:
        return 0
    return spend(request, _login_budgets(request, request.POST))


def spend(request: HttpRequest, budgets: Sequence[Budget]) -> int:
    """Count a request in all budgets or in none, and note the outcome for its headers.

    Returns:
        The whole seconds after which it would pass; 0 lets it pass now.
    """
    decisions = store().spend(budgets)
    outcome = [*getattr(request, "rate_limit", ()), *zip(budgets, decisions, strict=True)]
    request.rate_limit = outcome  # type: ignore[attr-defined]
    for budget, decision in zip(budgets, decisions, strict=True):
        if not decision.allowed:
            metrics.RATE_LIMIT_REFUSALS.labels(budget.name).inc()
    return math.ceil(max(decision.retry_after for decision in decisions))


def _login_budgets(request: HttpRequest, data: Any) -> list[Budget]:
    address = _budget("login", client_address(request), kind="-address")
    account = account_of(data)
    return [address] if account is None else [_budget("login", account, kind="-account"), address]


def _budget(scope: str, owner: object, *, kind: str = "") -> Budget:
    name = scope + kind
    return Budget(name, f"{name}:{owner}", *settings.RATE_LIMITS[scope])


def store() -> Store:
    """Return where this process counts, by REDIS_URL."""
    return _stores(settings.REDIS_URL, os.getpid())[1] if settings.REDIS_URL else LOCAL


def connect() -> None:
    """Make the connections of this process before its first requests, which all come at once.

    A Redis that does not answer is for the first request to notice.
    """
    if settings.REDIS_URL:
        with suppress(RedisError, OSError):
            _stores(settings.REDIS_URL, os.getpid())[0].connect(settings.WEB_THREADS)


@lru_cache(maxsize=4)
def _stores(url: str, process: int) -> tuple[RedisStore, FallbackStore]:
    """By process: one that was forked shares neither connections nor threads with its parent."""
    shared = RedisStore(url)
    return shared, FallbackStore(shared, LOCAL)


def account_of(data: Any) -> str | None:
    """Return a digest of the username that a sign-in names; None if it names none.

    Spellings that may mean the same account count as one: sign-in strips blanks, and case and
    compatibility forms (Unicode NFKC) are folded here.
    """
    name = data.get("username") if isinstance(data, dict) else None
    if not isinstance(name, str):
        return None
    name = unicodedata.normalize("NFKC", name.strip()[:_LONGEST_NAME]).strip().casefold()
    # Hashed, so that keys have one length and the store holds no names.
    return hashlib.blake2b(name.encode("utf-8", "surrogatepass"), digest_size=16).hexdigest()


def client_address(request: HttpRequest) -> str:
    """Return whom a request without a user is counted for: an IPv4 address or an IPv6 /64.

    That is the peer of the connection. If the peer is one of TRUSTED_PROXIES, it is the right-most
    address in X-Forwarded-For that is none of them: what stands further left came from the client,
    who can write what it likes. If all are, the left-most. A malformed list counts for the proxy.
    """
    peer = request.META.get("REMOTE_ADDR", "")
    forwarded = request.META.get("HTTP_X_FORWARDED_FOR", "")
    proxies = settings.TRUSTED_PROXIES
    if proxies and forwarded and _trusted(peer, proxies):
        try:
            return _owner(_client(forwarded.split(","), proxies))
        except ValueError:
            pass
    return _owner(peer)


def _client(hops: Iterable[str], proxies: tuple[Network, ...]) -> str:
    """Return the right-most untrusted hop; raises ValueError at one that is no address."""
    hop = ""
    for hop in reversed([entry.strip() for entry in hops]):
        if not _contains(proxies, _parsed(hop)):
            break
    return hop


def _trusted(peer: str, proxies: tuple[Network, ...]) -> bool:
    try:
        return _contains(proxies, _parsed(peer))
    except ValueError:
        return False


def _contains(networks: tuple[Network, ...], address: Address) -> bool:
    return any(address in network for network in networks)


def _parsed(text: str) -> Address:
    address = ip_address(text)
    if isinstance(address, IPv6Address):
        return address.ipv4_mapped or address
    return address


def _owner(text: str) -> str:
    try:
        address = _parsed(text)
    except ValueError:
        return text  # No address: a socket in the file system.
    if isinstance(address, IPv4Address):
        return str(address)
    # One customer of a provider has at least a /64 (RFC 6177), so one address means nothing.
    return f"{IPv6Address(int(address) & _IPV6_SUBNET)}/64"


def rate_limit_headers(request: Request | HttpRequest) -> dict[str, str]:
    """Return the headers that tell what was spent (draft-ietf-httpapi-ratelimit-headers-11).

    `RateLimit-Policy` names the budgets (q requests per w seconds), `RateLimit` what is left of
    each (r requests; the whole after t seconds). Both are structured lists (RFC 9651). Nothing
    was counted: no headers.
    """
    outcome: Outcome = getattr(getattr(request, "_request", request), "rate_limit", [])
    if not outcome:
        return {}
    return {
        "RateLimit-Policy": ", ".join(
            f'"{budget.name}";q={budget.limit};w={budget.period}' for budget, _ in outcome
        ),
        "RateLimit": ", ".join(
            f'"{budget.name}";r={decision.remaining};t={math.ceil(decision.reset)}'
            for budget, decision in outcome
        ),
    }
