"""The settings page, read by a process of its own: what it refuses, what it relaxes."""

import re
from pathlib import Path

import pytest

from tests.config.processes import CHECKOUT, FIELD_KEY, STRONG, manage, read_settings

pytestmark = pytest.mark.once
PRODUCTION = {
    "DATABASE_URL": "postgres://tasks:pa55@db.internal/tasks",
    "SECRET_KEY": f"1{STRONG}",
    "JWT_SIGNING_KEYS": f"2{STRONG}",
    "FIELD_ENCRYPTION_KEYS": FIELD_KEY,
    "ALLOWED_HOSTS": "tasks.example.com",
}
NEW_FIELD_KEY = (
    'FIELD_ENCRYPTION_KEYS="$(python3 -c "import secrets; print(secrets.token_urlsafe(32))")"'
)


def lines(stderr: str) -> dict[str, str]:
    return dict(line.split(": ", 1) for line in stderr.splitlines())


def test_it_names_every_mistake_at_once_without_a_traceback(tmp_path: Path) -> None:
    run = read_settings(
        tmp_path,
        DEBUG="nope",
        PORT="99999",
        WEB_CONCURRENCY="0",
        DATABASE_URL="mysql://root:hunter2@db/tasks",
        REDIS_URL="localhost",
        AMQP_URL="http://rabbit",
        EVENT_SOURCE="the tasks",
        RATE_LIMITS="user=many",
        TRUSTED_PROXIES="10.0.0.1/8",
        TLS_CERT_FILE="/nowhere/cert.pem",
        TLS_CLIENT_CA_FILE="/nowhere/ca.pem",
        LOG_LEVEL="LOUD",
        LOG_FORMAT="xml",
        SECRET_KEY="short-hunter3",
        JWT_SIGNING_KEYS="short-hunter4",
        FIELD_ENCRYPTION_KEYS="short-hunter5",
    )
    assert run.returncode == 1
    assert run.stdout == ""
    assert set(lines(run.stderr)) == {
        *("DEBUG", "PORT", "WEB_CONCURRENCY", "DATABASE_URL", "REDIS_URL", "AMQP_URL"),
        "EVENT_SOURCE",
        *("RATE_LIMITS", "TRUSTED_PROXIES", "TLS_CERT_FILE", "TLS_CLIENT_CA_FILE"),
        *("LOG_LEVEL", "LOG_FORMAT", "SECRET_KEY", "JWT_SIGNING_KEYS", "FIELD_ENCRYPTION_KEYS"),
    }
    assert "hunter" not in run.stderr


@pytest.mark.parametrize("command", ["prune", "run_worker", "run_local"])
def test_it_ends_a_command_with_a_line_for_each_mistake_and_no_more(
    tmp_path: Path, command: str
) -> None:
    run = manage(tmp_path, command, AMQP_URL="http://x", WORKER_METRICS_PORT="99999")
    assert (run.returncode, run.stdout) == (1, "")
    assert run.stderr == (
        "AMQP_URL: must be a URL that begins with amqp or amqps://HOST.\n"
        "WORKER_METRICS_PORT: must be a whole number from 0 to 65535.\n"
    )


@pytest.mark.parametrize(
    ("name", "value", "remedy"),
    [
        ("SECRET_KEY", "", "is missing. Generate one: "),
        ("SECRET_KEY", f"generated-{STRONG}", "was generated for a local run. Generate one: "),
        ("SECRET_KEY", "n7Qv2kXc9Rz4Wm8", "is shorter than 32 bytes. Generate one: "),
        ("SECRET_KEY", f"django-insecure-{STRONG}", "is one that others could guess. "),
        ("SECRET_KEY", f"changeme-{STRONG}", "is one that others could guess. "),
        ("SECRET_KEY", "x" * 50, "is one that others could guess. "),
        ("JWT_SIGNING_KEYS", "", "is missing. Generate one: "),
        ("JWT_SIGNING_KEYS", f"generated-{STRONG}", "key 1 was generated for a local run. "),
        ("JWT_SIGNING_KEYS", f"{STRONG},secret-{STRONG}", "key 2 is one that others could guess."),
        ("JWT_SIGNING_KEYS", "n7Qv2kXc", "key 1 must be a secret of at least 32 bytes or a PEM "),
        ("FIELD_ENCRYPTION_KEYS", "", f"is missing. Generate one: {NEW_FIELD_KEY}"),
        ("FIELD_ENCRYPTION_KEYS", f"generated-{FIELD_KEY}", "key 1 was generated for a local "),
        ("FIELD_ENCRYPTION_KEYS", f"{FIELD_KEY},{STRONG}", "key 2 must be 32 random bytes in URL-"),
    ],
)
def test_it_refuses_a_weak_secret_in_production(
    tmp_path: Path, name: str, value: str, remedy: str
) -> None:
    run = read_settings(tmp_path, **{**PRODUCTION, name: value})
    assert (run.returncode, list(lines(run.stderr))) == (1, [name])
    assert lines(run.stderr)[name].startswith(remedy)
    assert value == "" or value not in run.stderr
    assert list(tmp_path.iterdir()) == []


def test_it_starts_in_production_and_writes_nothing(tmp_path: Path) -> None:
    run = read_settings(
        tmp_path / "var",
        "settings.PRODUCTION, settings.DEBUG, settings.SESSION_COOKIE_SECURE, "
        "settings.ALLOWED_HOSTS, settings.LOG_FORMAT, settings.WEB_CONCURRENCY",
        **PRODUCTION,
    )
    assert run.stderr == ""
    assert run.stdout == (
        "True False True ['tasks.example.com', 'localhost', '127.0.0.1', '[::1]'] json 1\n"
    )
    assert not (tmp_path / "var").exists()


@pytest.mark.parametrize(
    ("name", "given"),
    [
        ("ALLOWED_HOSTS", {"HOST": "0.0.0.0", "ALLOWED_HOSTS": ""}),
        ("TLS_KEY_FILE", {"TLS_CERT_FILE": str(CHECKOUT / "manage.py")}),
        ("TLS_CLIENT_CA_FILE", {"TLS_CLIENT_CA_FILE": str(CHECKOUT / "manage.py")}),
        ("DATABASE_URL", {"DATABASE_URL": "sqlite:////nowhere/tasks.sqlite3"}),
        ("DATABASE_URL", {"DATABASE_URL": "sqlite://:memory:"}),
        ("DATABASE_URL", {"DATABASE_URL": "postgres://db.internal"}),
        ("DATABASE_URL", {"DATABASE_URL": "postgres://u:p@db:port/tasks"}),
    ],
)
def test_it_refuses_what_does_not_fit_together(
    tmp_path: Path, name: str, given: dict[str, str]
) -> None:
    run = read_settings(tmp_path, **{**PRODUCTION, **given})
    assert (run.returncode, list(lines(run.stderr))) == (1, [name])


def test_it_makes_secrets_for_the_embedded_default_once(tmp_path: Path) -> None:
    keys = (
        "settings.SECRET_KEY, settings.JWT_SIGNING_KEYS, settings.FIELD_ENCRYPTION_KEYS, "
        "settings.PRODUCTION"
    )
    first = read_settings(tmp_path / "var", keys)
    second = read_settings(tmp_path / "var", keys)
    assert first.stdout.count("generated-") == 2
    assert first.stdout.endswith(" False\n")
    assert second.stdout == first.stdout
    modes = {path.name: path.stat().st_mode & 0o777 for path in (tmp_path / "var").iterdir()}
    assert modes == {"secret-key": 0o600, "jwt-signing-key": 0o600, "field-encryption-key": 0o600}


def test_it_makes_secrets_for_a_local_run_on_any_database(tmp_path: Path) -> None:
    run = read_settings(
        tmp_path,
        "settings.SECRET_KEY",
        LOCAL_RUN="true",
        DATABASE_URL="postgres://postgres@127.0.0.1/tasks",
    )
    assert run.stdout.startswith("generated-")


def test_it_refuses_generated_secrets_that_cannot_be_kept(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    run = read_settings(tmp_path / "file")
    assert run.returncode == 1
    assert lines(run.stderr) == {
        "VAR_DIR": "must name a directory that this process may make and write."
    }


def test_it_counts_processes_by_cores_only_where_redis_shares_the_counters(tmp_path: Path) -> None:
    alone = read_settings(tmp_path, "settings.WEB_CONCURRENCY")
    shared = read_settings(
        tmp_path,
        "settings.WEB_CONCURRENCY == min(settings.os.cpu_count(), 4)",
        REDIS_URL="redis://127.0.0.1:6379/0",
    )
    told = read_settings(tmp_path, "settings.WEB_CONCURRENCY", WEB_CONCURRENCY="3")
    assert (alone.stdout, shared.stdout, told.stdout) == ("1\n", "True\n", "3\n")


def test_it_documents_every_variable_that_it_reads() -> None:
    from config import settings

    read = set(settings._env.names_read)
    table = (CHECKOUT / "docs" / "configuration.md").read_text()
    documented = set(re.findall(r"^\| `([A-Z_]+)` \|", table, flags=re.MULTILINE))
    assert "DATABASE_URL" in read
    assert documented == read
