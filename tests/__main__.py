"""Run the suite on SQLite, then on PostgreSQL: what `make test` does.

    python -m tests [sqlite | postgresql] [arguments of pytest]

The two runs are two processes, since Django reads its database once. Tests marked `once` do not
depend on the database and are left out of the second; a few long ones, marked `stricter`, are left
out of the first. The last lines say what ran on what.
"""

import os
import signal
import subprocess
import sys
from pathlib import Path
from tempfile import NamedTemporaryFile

from tests import postgres

# Two workers: the second core is free, and each has a database of its own. `loadgroup` keeps
# tests with the same `xdist_group` (a browser, say) on one worker.
PYTEST = (sys.executable, "-m", "pytest", "--numprocesses=2", "--dist=loadgroup", "--quiet")


def on_sqlite(arguments: list[str]) -> int:
    return _pytest(["-m", "not stricter", *arguments], DATABASE_URL="")


def on_postgresql(arguments: list[str]) -> int:
    with postgres.postgresql() as server:
        postgres.drop_leftovers(server.url)
        return _pytest(
            ["-m", "not once", *arguments],
            DATABASE_URL=server.url,
            TEST_DATABASE_ORIGIN=server.origin,
        )


INTERRUPTED, NO_TESTS = 2, 5  # Exit codes of pytest.
RUNS = {"sqlite": on_sqlite, "postgresql": on_postgresql}


def main(arguments: list[str]) -> int:
    named = [arguments.pop(0)] if arguments and arguments[0] in RUNS else list(RUNS)
    # Ctrl-C reaches pytest by itself; this process waits for it to clean up.
    signal.signal(signal.SIGINT, lambda *_: None)
    with NamedTemporaryFile(mode="r", prefix="tasks-closing-lines-") as kept:
        os.environ["TEST_CLOSING_LINES"] = kept.name
        code = 0
        for name in named:
            code = RUNS[name](arguments) or code
            if code == INTERRUPTED:
                break
        print(f"\n{Path(kept.name).read_text()}{'failed' if code else 'passed'}", flush=True)
    return code


def _pytest(arguments: list[str], **environment: str) -> int:
    process = subprocess.Popen([*PYTEST, *arguments], env={**os.environ, **environment})
    # SIGTERM would end pytest without its fixtures' clean-up, and leave what they started.
    signal.signal(signal.SIGTERM, lambda *_: process.send_signal(signal.SIGINT))
    code = process.wait()
    # A selection (-k, a path) may leave nothing for one of the two runs.
    return 0 if arguments and code == NO_TESTS else code


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
