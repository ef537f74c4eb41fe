"""What the hostile requests have found, one by one: each of these was answered wrongly once."""

import base64
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import orjson
import pytest
from django.test import Client

from tasks.api.docs import OnceGenerator
from tests.cast import Api
from tests.contract.document import document
from tests.contract.snapshot import nothing_written

PAGE = {"Accept": "text/html"}
EIGHT = 8


@pytest.fixture
def cursor(as_alice: Api) -> str:
    for title in ("one", "two"):
        assert as_alice.post("/tasks", {"title": title}).status == 201
    found: str = as_alice.get("/tasks?limit=1").body["next"].rpartition("cursor=")[2]
    return found


def test_it_takes_a_cursor_only_as_it_was_given(as_alice: Api, cursor: str) -> None:
    """Python's decoder passes over what is not of the alphabet, and over bits that are left."""
    assert as_alice.get(f"/tasks?cursor={cursor}").status == 200
    for changed in (f"{cursor}%3D", f"{cursor}!", f"{cursor[:9]}%20{cursor[9:]}", f".{cursor}"):
        answer = as_alice.get(f"/tasks?cursor={changed}")
        assert (answer.status, answer.code) == (400, "invalid_cursor"), changed


def test_it_takes_a_cursor_only_with_the_bits_that_it_was_given(as_alice: Api, cursor: str) -> None:
    raw = base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4))
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    for last in alphabet.replace(cursor[-1], ""):
        changed = cursor[:-1] + last
        if base64.urlsafe_b64decode(changed + "=" * (-len(changed) % 4)) == raw:
            assert as_alice.get(f"/tasks?cursor={changed}").code == "invalid_cursor"


@pytest.mark.parametrize("content_type", ["*/*", "application/*", "*/json"])
def test_it_reads_no_body_of_a_range_of_types(as_alice: Api, content_type: str) -> None:
    raw = orjson.dumps({"title": "a"})
    with nothing_written():
        answer = as_alice.post("/tasks", raw=raw, content_type=content_type)
    assert (answer.status, answer.code) == (415, "unsupported_media_type")


@pytest.mark.parametrize("content_type", ["text/plain", "application/json-patch+json", "/"])
def test_it_shows_a_page_for_a_body_that_it_does_not_read(as_alice: Api, content_type: str) -> None:
    answer = as_alice.post("/tasks", raw=b"a", content_type=content_type, headers=PAGE)
    assert (answer.status, answer.headers["Content-Type"]) == (415, "text/html; charset=utf-8")


def test_it_shows_a_page_for_a_number_beyond_64_bits(as_alice: Api) -> None:
    raw = b'{"title": "a", "priority": %s}' % (b"9" * 400)
    answer = as_alice.post("/tasks", raw=raw, headers=PAGE)
    assert (answer.status, answer.headers["Content-Type"]) == (400, "text/html; charset=utf-8")


@pytest.mark.once
@pytest.mark.django_db
def test_it_shows_the_document_to_many_at_once_and_the_same_to_all(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Making it is not safe in threads, and it held the id of the request that asked for it."""
    monkeypatch.setattr(OnceGenerator, "_made", None)  # as in a process that has just begun
    barrier = Barrier(EIGHT)

    def ask(number: int) -> tuple[int, bytes]:
        barrier.wait()
        client = Client(headers={"X-Request-ID": f"request-{number}", "Accept": "application/json"})
        answer = client.get("/api/schema")
        return answer.status_code, answer.content

    with ThreadPoolExecutor(EIGHT) as threads:
        answers = set(threads.map(ask, range(EIGHT)))
    [(status, content)] = answers
    assert (status, orjson.loads(content)["paths"]) == (200, document()["paths"])
    assert b"request-" not in content
