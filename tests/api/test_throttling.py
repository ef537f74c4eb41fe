"""Which budgets a request spends, whose they are, and what the client is told."""

from concurrent.futures import ThreadPoolExecutor
from ipaddress import ip_network
from typing import Any, NamedTuple
from uuid import UUID, uuid4

import orjson
import pytest
from django.contrib.auth.models import AnonymousUser
from django.test import RequestFactory
from pytest_django import Settings
from rest_framework.exceptions import ParseError
from rest_framework.parsers import JSONParser
from rest_framework.request import Request
from rest_framework.views import APIView

from tasks.api.throttling import (
    BudgetThrottle,
    LoginThrottle,
    RequestThrottle,
    account_of,
    client_address,
    connect,
    rate_limit_headers,
    store,
)

pytestmark = pytest.mark.once

LIMITS = {
    "anonymous": (3, 3600),
    "user": (5, 3600),
    "write": (2, 3600),
    "login": (4, 3600),
}
PROXIES = (ip_network("10.0.0.0/8"), ip_network("2001:db8:f::/48"))


class Person(NamedTuple):
    pk: UUID
    is_authenticated: bool = True


@pytest.fixture(autouse=True, params=["", "redis_url"], ids=["local", "redis"])
def limits(request: pytest.FixtureRequest, settings: Settings) -> None:
    settings.RATE_LIMITS = LIMITS
    settings.TRUSTED_PROXIES = ()
    settings.REDIS_URL = request.getfixturevalue(request.param) if request.param else ""


def new_address() -> str:
    """Return an address in a network that no other test has: the Redis is shared."""
    digits = uuid4().hex
    return f"2001:db8:{digits[:4]}:{digits[4:8]}::1"


def asked(
    method: str = "GET", *, user: Person | None = None, address: str = "", data: Any = None
) -> Request:
    body = data if isinstance(data, bytes) else orjson.dumps(data)
    plain = RequestFactory().generic(
        method, "/", body, "application/json", REMOTE_ADDR=address or "192.0.2.1"
    )
    request = Request(plain, parsers=[JSONParser()])
    request.user = user or AnonymousUser()  # type: ignore[assignment]
    return request


def passes(throttle: type[BudgetThrottle], request: Request) -> bool:
    return throttle().allow_request(request, APIView())


# --- Requests ---------------------------------------------------------------------------------


def test_it_counts_reads_of_a_user() -> None:
    alice = Person(uuid4())
    assert [passes(RequestThrottle, asked(user=alice)) for _ in range(6)] == [True] * 5 + [False]


def test_it_counts_writes_of_a_user_in_a_second_budget() -> None:
    alice = Person(uuid4())
    writes = [passes(RequestThrottle, asked("POST", user=alice)) for _ in range(4)]
    assert writes == [True, True, False, False]
    # The refused writes have spent none of the reads.
    reads = [passes(RequestThrottle, asked(user=alice)) for _ in range(4)]
    assert reads == [True, True, True, False]


@pytest.mark.parametrize(
    ("method", "budgets"),
    [
        ("GET", ["user"]),
        ("HEAD", ["user"]),
        ("OPTIONS", ["user"]),
        *[(method, ["user", "write"]) for method in ("POST", "PUT", "PATCH", "DELETE")],
    ],
)
def test_it_knows_what_is_a_write(method: str, budgets: list[str]) -> None:
    request = asked(method, user=Person(uuid4()))
    assert [budget.name for budget in RequestThrottle().budgets(request)] == budgets


def test_it_counts_users_apart_and_not_by_address() -> None:
    address = new_address()
    for user in (Person(uuid4()), Person(uuid4())):
        requests = [asked(user=user, address=address) for _ in range(5)]
        assert all(passes(RequestThrottle, request) for request in requests)


def test_it_counts_the_anonymous_by_address() -> None:
    address = new_address()
    requests = [asked(method, address=address) for method in ("GET", "POST", "GET", "GET")]
    assert [passes(RequestThrottle, request) for request in requests] == [True] * 3 + [False]
    assert passes(RequestThrottle, asked(address=new_address()))


def test_it_lets_exactly_the_limit_through_from_many_threads(settings: Settings) -> None:
    settings.RATE_LIMITS = {**LIMITS, "user": (20, 600)}
    alice = Person(uuid4())
    connect()
    with ThreadPoolExecutor(settings.WEB_THREADS) as pool:
        results = pool.map(lambda _: passes(RequestThrottle, asked(user=alice)), range(320))
        assert list(results).count(True) == 20


def test_it_counts_nothing_when_the_limits_are_off(settings: Settings) -> None:
    settings.RATE_LIMITS = {}
    request = asked("POST", user=Person(uuid4()))
    assert all(passes(RequestThrottle, request) for _ in range(20))
    assert all(passes(LoginThrottle, asked("POST", data={"username": "a"})) for _ in range(20))
    assert rate_limit_headers(request) == {}


def test_it_reads_the_limits_at_each_request(settings: Settings) -> None:
    alice = Person(uuid4())
    settings.RATE_LIMITS = {**LIMITS, "user": (1, 3600)}
    assert [passes(RequestThrottle, asked(user=alice)) for _ in range(2)] == [True, False]
    settings.RATE_LIMITS = {}
    assert passes(RequestThrottle, asked(user=alice))


def test_it_says_when_a_refused_request_would_pass() -> None:
    alice, throttle = Person(uuid4()), RequestThrottle()
    while throttle.allow_request(asked("POST", user=alice), APIView()):
        assert throttle.wait() == 0
    assert throttle.wait() == 1800  # Two writes per hour.


def test_it_counts_in_one_place_per_process(settings: Settings) -> None:
    assert store() is store()
    settings.REDIS_URL = ""
    assert store() is store()


# --- Sign-in ----------------------------------------------------------------------------------


def sign_in(data: Any, address: str = "") -> Request:
    return asked("POST", data=data, address=address or new_address())


def test_it_counts_sign_ins_of_an_account_from_wherever() -> None:
    name = uuid4().hex
    spellings = [name, name.upper(), f"  {name}\t", f" {name.title()}", name]
    results = [passes(LoginThrottle, sign_in({"username": each})) for each in spellings]
    assert results == [True] * 4 + [False]
    assert passes(LoginThrottle, sign_in({"username": uuid4().hex}))


def test_it_counts_sign_ins_of_an_address_to_whatever_account() -> None:
    address = new_address()
    results = [passes(LoginThrottle, sign_in({"username": uuid4().hex}, address)) for _ in range(5)]
    assert results == [True] * 4 + [False]


def test_it_spends_nothing_of_the_account_when_the_address_is_refused() -> None:
    name, address = uuid4().hex, new_address()
    for _ in range(4):
        passes(LoginThrottle, sign_in({"username": uuid4().hex}, address))
    assert not any(passes(LoginThrottle, sign_in({"username": name}, address)) for _ in range(9))
    assert [passes(LoginThrottle, sign_in({"username": name})) for _ in range(5)] == (
        [True] * 4 + [False]
    )


@pytest.mark.parametrize(
    "data", [None, 7, "name", [], ["username"], {}, {"username": None}, {"username": ["a"]}]
)
def test_it_counts_a_sign_in_without_a_name_for_the_address(data: Any) -> None:
    address = new_address()
    results = [passes(LoginThrottle, sign_in(data, address)) for _ in range(5)]
    assert results == [True] * 4 + [False]


def test_it_counts_a_sign_in_that_cannot_be_read_and_says_what_is_wrong() -> None:
    address = new_address()
    for _ in range(4):
        with pytest.raises(ParseError):
            passes(LoginThrottle, sign_in(b"{", address))
    assert not passes(LoginThrottle, sign_in(b"{", address))


@pytest.mark.parametrize(
    ("name", "same"),
    [
        ("alice", "ALICE"),
        ("alice", " alice "),
        ("alice", " " * 1_000 + "alice"),
        ("stra\u00dfe", "STRASSE"),
        ("alice", "\uff21lice"),  # A full-width letter.
        ("", "   "),
    ],
)
def test_it_takes_spellings_of_a_name_for_one_account(name: str, same: str) -> None:
    assert account_of({"username": name}) == account_of({"username": same})


def test_it_takes_any_string_for_the_name_of_an_account() -> None:
    digests = [account_of({"username": name}) for name in ("", "\ud800", "\0", "a" * 2**20, "bob")]
    assert [len(digest or "") for digest in digests] == [32] * 5
    assert len(set(digests)) == 5


# --- Whose request it is ----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("peer", "forwarded", "owner"),
    [
        ("203.0.113.7", None, "203.0.113.7"),
        ("203.0.113.7", "198.51.100.1", "203.0.113.7"),  # Nobody's proxy may say anything.
        ("10.0.0.1", None, "10.0.0.1"),
        ("10.0.0.1", "", "10.0.0.1"),
        ("10.0.0.1", "198.51.100.1", "198.51.100.1"),
        ("10.0.0.1", "1.1.1.1, 198.51.100.1", "198.51.100.1"),  # The left one is forged.
        ("10.0.0.1", " 198.51.100.1 ,10.0.0.2,\t10.9.9.9", "198.51.100.1"),
        ("10.0.0.1", "10.0.0.3, 10.0.0.2", "10.0.0.3"),
        ("10.0.0.1", "junk, 198.51.100.1", "198.51.100.1"),
        ("10.0.0.1", "198.51.100.1, junk", "10.0.0.1"),
        ("10.0.0.1", "198.51.100.1, 10.0.0.2, ", "10.0.0.1"),
        ("10.0.0.1", "198.51.100.1:4711", "10.0.0.1"),
        ("10.0.0.1", "010.1.1.1", "10.0.0.1"),
        ("10.0.0.1", "2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("10.0.0.1", "::ffff:198.51.100.1", "198.51.100.1"),
        ("::ffff:10.0.0.1", "198.51.100.1", "198.51.100.1"),
        ("2001:db8:f::1", "198.51.100.1", "198.51.100.1"),
        ("2001:db8:1:2:3:4:5:6", None, "2001:db8:1:2::/64"),
        ("2001:db8:1:2:ffff::", None, "2001:db8:1:2::/64"),
        ("fe80::1%eth0", None, "fe80::/64"),
        ("", "198.51.100.1", ""),
    ],
)
def test_it_finds_the_address_behind_trusted_proxies(
    settings: Settings, peer: str, forwarded: str | None, owner: str
) -> None:
    settings.TRUSTED_PROXIES = PROXIES
    headers = {} if forwarded is None else {"X-Forwarded-For": forwarded}
    request = RequestFactory().get("/", headers=headers, REMOTE_ADDR=peer)
    assert client_address(request) == owner


def test_it_ignores_forwarded_addresses_without_trusted_proxies() -> None:
    request = RequestFactory().get(
        "/", headers={"X-Forwarded-For": "198.51.100.1"}, REMOTE_ADDR="127.0.0.1"
    )
    assert client_address(request) == "127.0.0.1"


# --- What the client is told ------------------------------------------------------------------


def test_it_tells_the_budgets_of_a_read() -> None:
    request = asked(user=Person(uuid4()))
    assert passes(RequestThrottle, request)
    assert rate_limit_headers(request) == {
        "RateLimit-Policy": '"user";q=5;w=3600',
        "RateLimit": '"user";r=4;t=720',
    }
    assert rate_limit_headers(request._request) == rate_limit_headers(request)


def test_it_tells_the_budgets_of_a_write_also_when_it_is_refused() -> None:
    alice = Person(uuid4())
    for _ in range(3):
        request = asked("POST", user=alice)
        passes(RequestThrottle, request)
    assert rate_limit_headers(request) == {
        "RateLimit-Policy": '"user";q=5;w=3600, "write";q=2;w=3600',
        "RateLimit": '"user";r=3;t=1440, "write";r=0;t=3600',
    }


def test_it_tells_the_budgets_of_a_sign_in() -> None:
    request = sign_in({"username": uuid4().hex})
    assert passes(LoginThrottle, request)
    assert rate_limit_headers(request) == {
        "RateLimit-Policy": '"login-account";q=4;w=3600, "login-address";q=4;w=3600',
        "RateLimit": '"login-account";r=3;t=900, "login-address";r=3;t=900',
    }


def test_it_tells_nothing_where_nothing_was_counted() -> None:
    assert rate_limit_headers(asked()) == {}
