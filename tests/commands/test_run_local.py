"""`make run` as a newcomer meets it: a real process, its output, and the lines pasted."""

import http.client
import os
import re
import shutil
import signal
import socket
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

import orjson
import pytest

from tasks.management.serving import Address, NotServingError
from tests.environment import CHECKOUT
from tests.listening import closed_port

# One worker has them all, so that the service of two of them is started once.
pytestmark = [pytest.mark.once, pytest.mark.xdist_group("run_local")]

LAST_LINE = "Ctrl-C stops everything."


@pytest.fixture
def free_port() -> int:
    return closed_port()


def environment(var: Path, port: int, **more: str) -> dict[str, str]:
    """Only what `make run` and its caller set: the embedded default, with secrets of its own."""
    path = {"PATH": os.environ["PATH"]}
    return path | {"LOCAL_RUN": "true", "VAR_DIR": str(var), "PORT": str(port)} | more


@contextmanager
def running(
    env: dict[str, str], *, errors: int = subprocess.DEVNULL
) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """Start the command and yield it with what it has said by the time it is ready."""
    command = [sys.executable, "manage.py", "run_local"]
    output = subprocess.PIPE
    with subprocess.Popen(
        command, env=env, cwd=CHECKOUT, text=True, stdout=output, stderr=errors
    ) as process:
        assert process.stdout is not None
        said = []
        try:
            for line in process.stdout:
                said.append(line)
                if LAST_LINE in line:
                    break
            yield process, "".join(said)
        finally:
            process.terminate()


def lines_to_paste(said: str) -> str:
    return said[said.index("API=") : said.index(LAST_LINE)]


@dataclass
class Started:
    """A service for the tests that only look at it."""

    said: str
    port: int
    var: Path


@pytest.fixture(scope="module")
def started(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Started]:
    var, port = tmp_path_factory.mktemp("var"), closed_port()
    with running(environment(var, port, HOST="0.0.0.0")) as (_, said):
        yield Started(said, port, var)


@pytest.mark.skipif(not shutil.which("curl"), reason="no curl; install it: apt-get install curl")
def test_it_prints_lines_that_work_when_pasted(started: Started) -> None:
    pasted = subprocess.run(
        ["sh", "-u"],
        input=lines_to_paste(started.said),
        text=True,
        capture_output=True,
        check=True,
    )
    created, listed, completed, deleted = pasted.stdout.split("\n")[:4]
    task = orjson.loads(created)
    assert (task["title"], task["completed"]) == ("Learn Flask", False)
    assert orjson.loads(listed)["results"] == [task]
    done = orjson.loads(completed)
    assert (done["id"], done["title"], done["completed"]) == (task["id"], "Learn Flask", True)
    assert deleted == "204"


def test_it_says_where_and_as_whom(started: Started) -> None:
    base = f"http://127.0.0.1:{started.port}"
    assert f"The service answers at {base}\n" in started.said
    assert f"documentation  {base}/api/docs\n" in started.said
    assert f"admin          {base}/admin/\n" in started.said
    password = (started.var / "demo-password").read_text().strip()
    assert f"sign in as     demo, password {password}\n" in started.said


def test_it_stops_everything_and_starts_again(tmp_path: Path, free_port: int) -> None:
    passwords = set()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        with running(environment(tmp_path, free_port)) as (process, said):
            await_health(free_port)
            process.send_signal(number)
            assert process.wait(timeout=30) == 0
        with closing(sqlite3.connect(tmp_path / "tasks.sqlite3")) as database:
            assert database.execute("SELECT count(*) FROM tasks_worker").fetchone() == (0,)
        Address("127.0.0.1", free_port).require_free()
        passwords.update(re.findall(r"password (\S+)\n", said))
    assert passwords == {(tmp_path / "demo-password").read_text().strip()}


def await_health(port: int) -> None:
    """Wait until all is well, which needs a worker."""
    for _ in range(300):
        with closing(http.client.HTTPConnection("127.0.0.1", port, timeout=10)) as connection:
            connection.request("GET", "/health")
            answer = connection.getresponse()
            body = answer.read()
            if answer.status == 200:
                return
        threading.Event().wait(0.1)
    pytest.fail(body.decode())


@pytest.mark.skipif(not shutil.which("pgrep"), reason="no pgrep; install it: apt install procps")
def test_it_says_that_the_worker_has_ended_and_ends_too(tmp_path: Path, free_port: int) -> None:
    with (tmp_path / "log").open("w+") as log:
        env = environment(tmp_path, free_port)
        with running(env, errors=log.fileno()) as (process, _):
            find = ["pgrep", "-P", str(process.pid), "-f", "run_worker"]
            found = subprocess.run(find, capture_output=True, text=True, check=True)
            os.kill(int(found.stdout), signal.SIGKILL)
            assert process.wait(timeout=30) == 1
        log.seek(0)
        last = log.read().splitlines()[-1]
    assert last == "CommandError: The worker ended by itself, with exit code -9."
    Address("127.0.0.1", free_port).require_free()


def refused(env: dict[str, str]) -> str:
    """Return the one line that a start which cannot work ends with."""
    command = [sys.executable, "manage.py", "run_local"]
    done = subprocess.run(
        command, env=env, cwd=CHECKOUT, text=True, capture_output=True, check=False
    )
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    return done.stderr.strip().splitlines()[-1]


def test_it_says_in_one_line_that_the_port_is_taken(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port: int = other.getsockname()[1]

        assert refused(environment(tmp_path, port)) == (
            f"CommandError: Port {port} of 127.0.0.1 is taken. Stop what listens there, "
            f"or choose another: make run PORT={port + 1}"
        )
    assert not (tmp_path / "demo-password").exists()


def test_it_says_in_one_line_that_the_database_does_not_answer(
    tmp_path: Path, free_port: int
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port: int = closed.getsockname()[1]
    url = f"postgres://tasks:a-password@127.0.0.1:{port}/tasks"

    line = refused(environment(tmp_path, free_port, DATABASE_URL=url))

    assert line.startswith("CommandError: The database cannot be used; see DATABASE_URL.")
    assert "a-password" not in line


def test_it_runs_only_when_it_is_asked_to_run_locally(tmp_path: Path, free_port: int) -> None:
    line = refused(environment(tmp_path, free_port, LOCAL_RUN="false"))

    assert line == "CommandError: For a trial on this machine only: make run, or LOCAL_RUN=true."


@pytest.mark.parametrize(
    ("host", "url"),
    [
        ("127.0.0.1", "http://127.0.0.1:8000"),
        ("0.0.0.0", "http://127.0.0.1:8000"),
        ("::", "http://[::1]:8000"),
        ("::1", "http://[::1]:8000"),
        ("tasks.example.org", "http://tasks.example.org:8000"),
    ],
)
def test_it_names_an_address_that_a_browser_can_open(host: str, url: str) -> None:
    assert Address(host, 8000).url == url


def test_it_says_that_an_address_is_not_of_this_machine() -> None:
    with pytest.raises(NotServingError, match=r"^Cannot listen on 192\.0\.2\.1, port 8000: "):
        Address("192.0.2.1", 8000).require_free()
