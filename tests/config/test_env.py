"""Readers of the environment: what they accept, what they refuse, and in which words."""

from collections.abc import Callable
from ipaddress import ip_network
from pathlib import Path

import pytest

from config import env

pytestmark = pytest.mark.once


@pytest.mark.parametrize(
    ("text", "value"),
    [
        *(("true", True), ("1", True), ("YES", True), ("on", True)),
        *(("false", False), ("0", False), ("No", False), ("off", False)),
    ],
)
def test_it_reads_a_switch(text: str, value: bool) -> None:
    assert env.boolean(text) is value


def test_it_reads_networks_of_both_families_and_single_addresses() -> None:
    assert env.networks("10.0.0.0/8, ::1,192.0.2.7") == (
        ip_network("10.0.0.0/8"),
        ip_network("::1/128"),
        ip_network("192.0.2.7/32"),
    )


@pytest.mark.parametrize(
    ("text", "limits"),
    [
        ("off", {}),
        ("OFF", {}),
        (
            "login=5/300",
            {"anonymous": (60, 60), "user": (1200, 60), "write": (600, 60), "login": (5, 300)},
        ),
        (
            "anonymous=1/2, user=3/4 ,write=5/6,login=7/8",
            {"anonymous": (1, 2), "user": (3, 4), "write": (5, 6), "login": (7, 8)},
        ),
        (
            "sustained=20000/86400",
            {**env.DEFAULT_RATE_LIMITS, "sustained": (20_000, 86_400)},
        ),
    ],
)
def test_it_reads_rate_limits(text: str, limits: env.RateLimits) -> None:
    assert env.rate_limits(text) == limits


@pytest.mark.parametrize(
    "text",
    ["/tasks", "tasks", "https://tasks.example.org:8443/a?b=c#d", "urn:example:tasks", "/a%20b:c"],
)
def test_it_reads_a_uri_reference(text: str) -> None:
    assert env.uri_reference(text) == text


@pytest.mark.parametrize(
    ("parse", "text", "remedy"),
    [
        (env.boolean, "nope", "must be true or false."),
        (env.boolean, "2", "must be true or false."),
        (env.networks, "10.0.0.1/8", "must be networks like 10.0.0.0/8, comma-separated, "),
        (env.networks, "proxy", "must be networks like 10.0.0.0/8, comma-separated, "),
        (env.rate_limits, "guest=1/1", "must name each of anonymous, user, sustained, "),
        (env.rate_limits, "user=1/1,user=2/2", "must name each of anonymous, user, sustained, "),
        (env.rate_limits, "user=10", "must be `off`, or requests/seconds by scope, like "),
        (env.rate_limits, "user=0/60", "must be `off`, or requests/seconds by scope, like "),
        (env.rate_limits, "user=1/60/2", "must be `off`, or requests/seconds by scope, like "),
        (env.rate_limits, "user=-1/60", "must be `off`, or requests/seconds by scope, like "),
        (env.rate_limits, "user=٣/60", "must be `off`, or requests/seconds by scope, like "),
        (env.url_of("redis"), "127.0.0.1:6379", "must be a URL that begins with redis://HOST."),
        (env.url_of("redis"), "http://cache", "must be a URL that begins with redis://HOST."),
        (env.amqp_url, "amqp://", "must be a URL that begins with amqp or amqps://HOST."),
        (env.amqp_url, "amqp://me@broker/", "names a user and no password; write amqp://USER:"),
        *(
            (env.uri_reference, text, "must be a URI reference like https://tasks.example.org or ")
            for text in ("a b", "1:2", "/%zz", "/ä", "/a#b#c", "<x>", "/a\n")
        ),
        (env.readable_file, "/nowhere", "names no file that this process can read; check path "),
        (lambda text: env.integer(text, 1, 9), "10", "must be a whole number from 1 to 9."),
        (lambda text: env.integer(text, 1, 9), "1.5", "must be a whole number from 1 to 9."),
        (lambda text: env.one_of(text, ("json", "console")), "xml", "must be one of json, "),
    ],
)
def test_it_refuses_with_the_remedy(parse: Callable[[str], object], text: str, remedy: str) -> None:
    with pytest.raises(ValueError) as refusal:  # noqa: PT011 (the text is asserted below)
        parse(text)
    assert str(refusal.value).startswith(remedy)
    assert text not in str(refusal.value).split(remedy)[-1]


def test_it_returns_the_default_for_a_variable_that_is_unset_or_empty(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("EMPTY", "  ")
    environment = env.Environment()
    assert environment.text("EMPTY", "default") == "default"
    assert environment.text("UNSET", "default") == "default"
    assert environment.flag("EMPTY") is False
    assert environment.mistakes == []


def test_it_reads_a_secret_from_a_file_without_the_final_newline(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "token").write_text("from a file\n")
    monkeypatch.setenv("TOKEN_FILE", str(tmp_path / "token"))
    assert env.Environment().text("TOKEN") == "from a file"


def test_it_refuses_a_variable_that_is_given_twice(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("TOKEN", "one")
    monkeypatch.setenv("TOKEN_FILE", str(tmp_path))
    environment = env.Environment()
    environment.text("TOKEN")
    assert environment.mistakes == ["TOKEN: is set and TOKEN_FILE too; keep one of them."]


@pytest.mark.parametrize("content", [None, b"\xff\xfe"])
def test_it_names_a_secret_file_that_cannot_be_read(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, content: bytes | None
) -> None:
    if content is not None:
        (tmp_path / "token").write_bytes(content)
    monkeypatch.setenv("TOKEN_FILE", str(tmp_path / "token"))
    environment = env.Environment()
    environment.text("TOKEN")
    assert environment.mistakes == [
        "TOKEN_FILE: names no file that can be read as UTF-8; check path and mode."
    ]


def test_it_collects_mistakes_and_ends_the_process_with_a_line_for_each(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("FIRST", "nope")
    monkeypatch.setenv("SECOND", "many")
    environment = env.Environment()
    environment.flag("FIRST")
    environment.integer("SECOND", 3, at_least=1, at_most=9)
    with pytest.raises(SystemExit) as end:
        environment.finish()
    assert end.value.code == (
        "FIRST: must be true or false.\nSECOND: must be a whole number from 1 to 9."
    )
