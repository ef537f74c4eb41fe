"""docs/webhooks.md: its code is run as it stands there, and its figures are the service's."""

import json
import os
import re
import shutil
import socket
import subprocess
import sys
from base64 import b64encode
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, date, datetime, timedelta
from ipaddress import ip_network
from pathlib import Path
from typing import Any, Final

import pytest
import yaml

from tasks.events.catalogue import TYPES
from tasks.events.envelope import cloud_event
from tasks.models import Event
from tasks.schedule import due_at
from tasks.webhooks import backoff, breaker, operations, signing, transport
from tests.cast import Api
from tests.environment import CHECKOUT
from tests.listening import closed_port
from tests.webhooks.posting import post
from tests.webhooks.verifying import BODY, CASES, ID, OTHER, PAGE, SECRET, Case, block, now, signed

pytestmark = pytest.mark.once


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_it_verifies_in_python(case: Case) -> None:
    names: dict[str, Any] = {}
    exec(block("verify.py"), names)
    if len(case.secret) < 30:
        with pytest.raises(ValueError, match=r"no secret of a webhook"):
            names["verify"](case.secret, case.make(), case.body)
    else:
        assert names["verify"](case.secret, case.make(), case.body) is case.genuine


HARNESS: Final = """
import { verify } from "./verify.mjs";
import { readFileSync } from "node:fs";
const cases = JSON.parse(readFileSync(0));
const said = ({ secret, headers, body }) => {
  try { return verify(secret, headers, Buffer.from(body, "base64")); } catch (error) {
    if (error.message !== "This is no secret of a webhook.") throw error;
    return error.message;
  }
};
console.log(JSON.stringify(cases.map(said)));
"""


def test_it_verifies_in_javascript(tmp_path: Path) -> None:
    node = shutil.which("node")
    if node is None:
        pytest.skip("needs Node.js, and there is no `node` here")
    (tmp_path / "verify.mjs").write_text(block("verify.mjs"))
    (tmp_path / "harness.mjs").write_text(HARNESS)
    given = [
        {"secret": each.secret, "headers": each.make(), "body": b64encode(each.body).decode()}
        for each in CASES
    ]
    run = subprocess.run(
        [node, "harness.mjs"],
        cwd=tmp_path,
        input=json.dumps(given).encode(),
        capture_output=True,
        timeout=60,
        check=False,
    )
    assert run.stderr == b""
    expected = [
        each.genuine if len(each.secret) > 30 else "This is no secret of a webhook."
        for each in CASES
    ]
    names = [each.name for each in CASES]
    answers = json.loads(run.stdout)
    assert dict(zip(names, answers, strict=True)) == dict(zip(names, expected, strict=True))


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_it_verifies_in_a_shell(tmp_path: Path, case: Case) -> None:
    if shutil.which("openssl") is None:
        pytest.skip("needs the command openssl, and there is none here")
    (tmp_path / "verify.sh").write_text(block("verify.sh"))
    (tmp_path / "body").write_bytes(case.body)
    headers = {name.upper().replace("-", "_"): text for name, text in case.make().items()}
    run = subprocess.run(
        ["sh", "verify.sh", "body"],
        cwd=tmp_path,
        env={"PATH": os.environ["PATH"], "WEBHOOK_SECRET": case.secret, **headers},
        capture_output=True,
        timeout=60,
        check=False,
    )
    assert (run.returncode == 0, run.stdout) == (case.genuine, b"")


def test_it_verifies_nothing_in_a_shell_whose_openssl_fails(tmp_path: Path) -> None:
    real = shutil.which("openssl")
    if real is None:
        pytest.skip("needs the command openssl, and there is none here")
    broken = tmp_path / "openssl"
    broken.write_text(f'#!/bin/sh\n[ "$1" != dgst ] && exec {real} "$@"\ncat > /dev/null; exit 1\n')
    broken.chmod(0o755)
    (tmp_path / "verify.sh").write_text(block("verify.sh"))
    (tmp_path / "body").write_bytes(BODY)
    headers = {"WEBHOOK_ID": ID, "WEBHOOK_TIMESTAMP": now(), "WEBHOOK_SIGNATURE": "v1,"}
    path = f"{tmp_path}:{os.environ['PATH']}"
    run = subprocess.run(
        ["sh", "verify.sh", "body"],
        cwd=tmp_path,
        env={"PATH": path, "WEBHOOK_SECRET": SECRET, **headers},
        capture_output=True,
        timeout=60,
        check=False,
    )
    assert run.returncode == 1


def test_it_says_the_signature_of_its_example() -> None:
    secret, event_id, timestamp, body, signature = re.findall(
        r"^```text\n(whsec_.*?)^```$", PAGE, re.M | re.S
    )[0].splitlines()
    assert signing.headers(
        [secret],
        event_id=event_id,
        at=datetime.fromtimestamp(int(timestamp), UTC),
        body=body.encode(),
    ) == {
        "webhook-id": event_id,
        "webhook-timestamp": timestamp,
        "webhook-signature": signature,
    }


def answers(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


@contextmanager
def receiver(directory: Path) -> Iterator[tuple[int, subprocess.Popen[bytes]]]:
    """Start the receiver of the page, wait until it listens, and end it."""
    for name in ("verify.py", "receiver.py"):
        (directory / name).write_text(block(name))
    port = closed_port()
    process = subprocess.Popen(
        [sys.executable, "-u", "receiver.py", str(port)],
        cwd=directory,
        env={"PATH": os.environ["PATH"], "WEBHOOK_SECRET": SECRET},
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    )
    try:
        while not answers(port):
            with suppress(subprocess.TimeoutExpired):
                process.wait(0.02)
            assert process.poll() is None
        yield port, process
    finally:
        process.terminate()
        process.wait(20)


def test_it_receives_what_the_service_sends_and_prints_each_event_once(tmp_path: Path) -> None:
    with receiver(tmp_path) as (port, process):
        statuses = [
            post(
                f"http://127.0.0.1:{port}/",
                body=BODY.strip(),
                headers={**headers, "content-type": "application/cloudevents+json"},
                allowed=[ip_network("127.0.0.1/32")],
            ).status
            for headers in (
                signed(OTHER, body=BODY.strip()),
                signed(SECRET, body=BODY.strip()),
                signed(OTHER, SECRET, body=BODY.strip()),
            )
        ]
    assert statuses == [401, 204, 204]
    assert process.stdout is not None
    with process.stdout as printed:
        assert printed.read() == BODY.strip() + b"\n"


def test_it_shows_an_event_as_it_is_sent() -> None:
    shown = json.loads(re.findall(r"^```json\n(.*?)^```$", PAGE, re.M | re.S)[0])

    class Row:
        uid, sequence, type = shown["id"], int(shown["sequence"]), shown["type"]
        subject, traceparent, left_project = shown["subject"], shown["traceparent"], None
        occurred_at = datetime.fromisoformat(shown["time"])
        data = json.dumps(shown["data"])

    sent = json.loads(cloud_event(Row, source="/tasks"))  # type: ignore[arg-type]
    assert sent == shown
    assert list(sent) == list(shown)
    schema = yaml.safe_load((CHECKOUT / "docs" / "openapi-v1.yaml").read_text())
    task = shown["data"]["object"]
    assert set(task) == set(schema["components"]["schemas"]["Task"]["properties"])
    due = due_at(date.fromisoformat(task["due_date"]), None, task["timezone"])
    assert due == datetime.fromisoformat(task["due_at"])
    assert {shown["type"], "webhook.ping", "webhook.disabled"} <= set(TYPES)


@pytest.mark.django_db
def test_it_names_the_size_of_the_largest_body(as_alice: Api) -> None:
    # What JSON makes the most of, as often in one event as there can be.
    old, new = ("\x01" * (64 * 1024 - 1) + end for end in "ab")
    task = as_alice.post("/tasks", {"title": "Pack", "description": old}).body["id"]
    assert as_alice.patch(f"/tasks/{task}", {"description": new}).status == 200

    size = len(cloud_event(Event.objects.latest("number"), source="/tasks"))
    assert f"{size / 1e6:.1f}" == "1.2"
    assert "up to about 1.2 MB**, so let your receiver take 2 MB" in PAGE
    assert 'express.raw({ type: "*/*", limit: "2mb" })' in PAGE


def spoken(delay: timedelta) -> str:
    seconds = int(delay.total_seconds())
    for unit, name in ((3600, "h"), (60, "min"), (1, "s")):
        if seconds >= unit:
            return f"{seconds // unit} {name}"
    return "at once"


def test_it_names_the_figures_of_the_service() -> None:
    first, *others, last = [spoken(delay) for delay in backoff.DELAYS]
    assert len(backoff.DELAYS) == 10
    day = timedelta(hours=24)
    assert operations.OLD_SECRET_SIGNS_FOR == backoff.LONGEST_RETRY_AFTER == day
    for sentence in (
        f"**Ten tries**: {first}, then {', '.join(others)} and {last} after the one before, each ± "
        f"{backoff.JITTER:.0%}".replace("%", " %"),
        f"2xx within {transport.SECONDS:.0f} seconds |",
        f"done; of the body {transport.KEPT // 1024} KiB is kept",
        f"after {breaker.THRESHOLD} failures in a row",
        f"nothing is sent for {spoken(breaker.FIRST_OPEN)};",
        f"up to {spoken(breaker.LONGEST_OPEN)}.",
        f"**After {breaker.DISABLE_AFTER.days} days without a success**",
        "For 24 hours each request is signed with both",
        "seconds or a date, at most 24 hours",
    ):
        assert sentence in PAGE
