"""A PostgreSQL server of the measurement's own, to be stopped in the rudest way."""

import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from tests import postgres
from tests.listening import closed_port

# Not what the tests' server has: what was acknowledged must outlive the process. The power stays
# on, so nothing need reach the disk for that.
_SETTINGS: Final = ("fsync=off", "synchronous_commit=on", "max_connections=200")


class PostgreSQL:
    """One server with a directory of its own, on the loopback."""

    def __init__(self, home: Path) -> None:
        self.port = closed_port()
        self.url = f"postgres://postgres@127.0.0.1:{self.port}/postgres"
        self._home = home
        self._user = "nobody" if os.geteuid() == 0 else None
        if self._user:
            shutil.chown(home, user=self._user)
        self._run("initdb", "-U", "postgres", "-E", "UTF8", "--locale=C", "--no-sync")

    def start(self) -> None:
        listen = f"-h 127.0.0.1 -k {self._home} -p {self.port}"
        options = " ".join(f"-c {setting}" for setting in _SETTINGS)
        self._run("pg_ctl", "-w", "-o", f"{listen} {options}", "-l", "log", "start")
        while not postgres.version_of(self.url):
            time.sleep(0.1)

    def stop_immediately(self) -> None:
        """Have all its processes end at once, without writing anything: a crash."""
        self._run("pg_ctl", "-m", "immediate", "stop")

    def _run(self, program: str, *arguments: str) -> None:
        found = shutil.which(program, path=_programs())
        if found is None:
            raise SystemExit(f"make bench: no {program}; install PostgreSQL's server.")
        subprocess.run(
            [found, "-D", "data", *arguments],
            cwd=self._home,
            user=self._user,
            check=True,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )


@contextmanager
def postgresql() -> Iterator[PostgreSQL]:
    with tempfile.TemporaryDirectory(prefix="tasks-bench-") as directory:
        server = PostgreSQL(Path(directory))
        server.start()
        try:
            yield server
        finally:
            server.stop_immediately()


def _programs() -> str:
    debian = sorted(Path("/usr/lib/postgresql").glob("*/bin"))
    return os.pathsep.join([*map(str, debian), os.environ.get("PATH", "")])
