"""/api/v1/webhooks"""

from datetime import timedelta
from typing import Any, Final

import pytest
from cryptography.fernet import Fernet
from django.test import override_settings
from django.utils import timezone

from tasks.ids import uuid7
from tasks.models import Event, IdempotencyKey, Project, User, Webhook
from tasks.webhooks.secrets import unseal
from tests.cast import Answer, Api
from tests.contract.snapshot import nothing_written

pytestmark = pytest.mark.django_db

URL: Final = "https://example.org/hooks"
KEY: Final = {"Idempotency-Key": "7f3c-1"}


def made(api: Api, **fields: Any) -> dict[str, Any]:
    answer = api.post("/webhooks", {"url": URL, **fields})
    assert answer.status == 201, answer
    return dict(answer.body)


def path_of(webhook: dict[str, Any]) -> str:
    return f"/webhooks/{webhook['id']}"


class TestCreate:
    def test_it_shows_all_of_it_and_the_secret(self, as_alice: Api) -> None:
        answer = as_alice.post("/webhooks", {"url": URL})
        webhook = Webhook.objects.get()
        assert answer.status == 201
        assert answer.body == {
            "id": str(webhook.pk),
            "url": URL,
            "description": "",
            "types": [],
            "project": None,
            "enabled": True,
            "disabled_because": None,
            "failing_since": None,
            "breaker": "closed",
            "version": 1,
            "created_at": answer.body["created_at"],
            "updated_at": answer.body["created_at"],
            "secret": unseal(webhook.secret),
        }
        assert answer.headers["Location"] == f"/api/v1/webhooks/{webhook.pk}"
        assert (answer.headers["ETag"], answer.headers["Cache-Control"]) == ('"1"', "no-store")

    def test_it_shows_the_secret_nowhere_else(self, as_alice: Api) -> None:
        webhook = made(as_alice)
        shown = {name: value for name, value in webhook.items() if name != "secret"}
        assert as_alice.get(path_of(webhook)).body == shown
        assert as_alice.get("/webhooks").body["results"] == [shown]
        changed = as_alice.patch(path_of(webhook), {"description": "Chat"})
        assert changed.body.keys() == shown.keys()

    def test_it_takes_everything(self, as_alice: Api, project: Project) -> None:
        key = str(uuid7())
        sent = {
            "id": key,
            "url": "https://hooks.example.org:8443/a?b=c%20d",
            "description": "Chat\nroom",
            "types": ["task.*", "comment.created", "webhook.disabled"],
            "project": str(project.pk),
            "enabled": False,
        }
        shown = made(as_alice, **sent)
        assert {name: shown[name] for name in sent} == sent
        assert shown["disabled_because"] == "owner"

    def test_it_names_each_type_that_there_is_not(self, as_alice: Api) -> None:
        types = ["task.created", "task.invented", "*", 5, "task.", "invoice.*"]
        with nothing_written():
            answer = as_alice.post("/webhooks", {"url": URL, "types": types})
        assert answer.status == 400
        found = {each["pointer"]: each["code"] for each in answer.body["errors"]}
        assert found == {
            "#/types/1": "unknown_type",
            "#/types/2": "unknown_type",
            "#/types/3": "invalid",
            "#/types/4": "unknown_type",
            "#/types/5": "unknown_type",
        }
        assert "task.completed" in answer.body["errors"][0]["detail"]

    def test_it_takes_a_type_once(self, as_alice: Api) -> None:
        types = ["task.*", "label.created", "task.*"]
        assert made(as_alice, types=types)["types"] == ["task.*", "label.created"]

    def test_it_says_what_is_wrong_with_an_address(self, as_alice: Api) -> None:
        with nothing_written():
            answer = as_alice.post("/webhooks", {"url": "https://192.168.0.1/"})
        assert (answer.status, answer.error("#/url")) == (400, "unusable")
        words = "Only addresses of the public internet can be posted to."
        assert answer.body["errors"][0]["detail"] == words

    def test_it_sets_no_secret(self, as_alice: Api) -> None:
        for name in ("secret", "old_secret", "owner", "failures"):
            answer = as_alice.post("/webhooks", {"url": URL, name: "whsec_AAAA"})
            assert (answer.status, answer.error(f"#/{name}")) == (400, "unknown")


class TestSentAgain:
    """The answer with the secret was lost: the same key brings it back, and makes no second."""

    def test_it_shows_the_same_secret(self, as_alice: Api) -> None:
        first, again = (as_alice.post("/webhooks", {"url": URL}, headers=KEY) for _ in range(2))
        assert again.headers["Idempotent-Replayed"] == "true"
        assert again.body == first.body
        assert again.headers["Cache-Control"] == "no-store"
        assert Webhook.objects.count() == 1

    def test_it_keeps_no_secret_in_clear(self, as_alice: Api) -> None:
        webhook = as_alice.post("/webhooks", {"url": URL}, headers=KEY).body
        rotated = as_alice.post(
            f"{path_of(webhook)}/rotate-secret", headers={"Idempotency-Key": "2"}
        ).body
        kept = [row.body for row in IdempotencyKey.objects.order_by("created_at")]
        assert len(kept) == 2
        for body, shown in zip(kept, (webhook, rotated), strict=True):
            assert shown["secret"] not in body
            assert URL not in body
            assert shown["secret"] in unseal(body)

    def test_it_says_so_if_the_key_is_gone_that_encrypted_it(self, as_alice: Api) -> None:
        assert as_alice.post("/webhooks", {"url": URL}, headers=KEY).status == 201
        with override_settings(FIELD_ENCRYPTION_KEYS=[Fernet.generate_key().decode()]):
            answer = as_alice.post("/webhooks", {"url": URL}, headers=KEY)
        assert (answer.status, answer.code) == (409, "conflict")
        assert Webhook.objects.count() == 1

    def test_it_keeps_what_is_no_secret_as_it_is(self, as_alice: Api) -> None:
        path = path_of(made(as_alice))
        assert as_alice.patch(path, {"description": "Chat"}, headers=KEY).status == 200
        assert '"description":"Chat"' in IdempotencyKey.objects.get().body


class TestHowItIsDoing:
    @pytest.mark.parametrize(
        ("opens", "shown"), [(None, "closed"), (60, "open"), (-60, "half-open")]
    )
    def test_it_shows_the_breaker(self, as_alice: Api, opens: int | None, shown: str) -> None:
        path, now = path_of(made(as_alice)), timezone.now()
        until = None if opens is None else now + timedelta(seconds=opens)
        since = now.replace(microsecond=0)
        Webhook.objects.update(failures=5, failing_since=since, open_until=until)
        found = as_alice.get(path).body
        assert found["breaker"] == shown
        assert found["failing_since"] == since.isoformat().replace("+00:00", "Z")
        assert as_alice.get("/webhooks").body["results"] == [found]

    def test_it_is_never_taken_from_before(self, as_alice: Api) -> None:
        """The breaker opens without a new version, so a tag does not say that nothing changed."""
        path = path_of(made(as_alice))
        tag = as_alice.get(path).headers["ETag"]
        assert tag == '"1"'
        Webhook.objects.update(failures=5, failing_since=timezone.now())
        answer = as_alice.get(path, headers={"If-None-Match": tag})
        assert answer.status == 200
        assert answer.body["failing_since"] is not None
        changed = as_alice.patch(path, {"description": "Chat"}, headers={"If-Match": tag})
        assert changed.status == 200

    @pytest.mark.parametrize("reason", ["gone", "failing"])
    def test_it_is_enabled_again(self, as_alice: Api, reason: str) -> None:
        path, now = path_of(made(as_alice)), timezone.now()
        Webhook.objects.update(
            disabled_at=now,
            disabled_because=reason,
            failures=9,
            failing_since=now,
            open_until=now + timedelta(hours=1),
        )
        before = as_alice.get(path).body
        assert (before["enabled"], before["disabled_because"]) == (False, reason)
        answer = as_alice.patch(path, {"enabled": True})
        assert answer.body == {
            **before,
            "enabled": True,
            "disabled_because": None,
            "failing_since": None,
            "breaker": "closed",
            "version": 2,
            "updated_at": answer.body["updated_at"],
        }


class TestChange:
    def test_it_keeps_what_the_body_leaves_out(self, as_alice: Api) -> None:
        webhook = made(as_alice, description="Chat", types=["task.*"])
        answer = as_alice.patch(path_of(webhook), {"types": []})
        assert (answer.status, answer.headers["ETag"]) == (200, '"2"')
        assert (answer.body["description"], answer.body["types"]) == ("Chat", [])
        assert (answer.body["url"], answer.body["created_at"]) == (URL, webhook["created_at"])

    def test_it_names_a_project_that_is_not_there(self, as_alice: Api) -> None:
        path = path_of(made(as_alice))
        with nothing_written():
            answer = as_alice.patch(path, {"project": str(uuid7())})
        assert (answer.status, answer.error("#/project")) == (404, "not_found")

    def test_it_is_changed_in_one_way(self, as_alice: Api) -> None:
        assert as_alice.put(path_of(made(as_alice)), {"url": URL}).status == 405

    def test_it_is_deleted(self, as_alice: Api) -> None:
        path = path_of(made(as_alice))
        assert as_alice.delete(path).status == 204
        assert as_alice.get(path).status == 404
        assert not Webhook.objects.exists()

    def test_it_is_each_users_own(self, as_alice: Api, as_bob: Api) -> None:
        webhook = made(as_alice)
        assert as_bob.get("/webhooks").body["results"] == []
        assert as_bob.get(path_of(webhook)).status == 404


def test_it_makes_at_most_twenty(as_alice: Api, alice: User) -> None:
    now = timezone.now()
    Webhook.objects.bulk_create(
        Webhook(owner=alice, url=URL, created_at=now, updated_at=now) for _ in range(20)
    )
    with nothing_written():
        answer = as_alice.post("/webhooks", {"url": URL})
    assert (answer.status, answer.code) == (409, "too_many_webhooks")


class TestRotate:
    def test_it_shows_the_new_secret_once(self, as_alice: Api) -> None:
        webhook = made(as_alice)
        answer = as_alice.post(f"{path_of(webhook)}/rotate-secret")
        assert (answer.status, answer.headers["ETag"]) == (200, '"2"')
        assert answer.headers["Cache-Control"] == "no-store"
        shown = as_alice.get(path_of(webhook)).body
        assert answer.body == {**shown, "secret": answer.body["secret"]}
        found = Webhook.objects.get()
        assert unseal(found.secret) == answer.body["secret"] != webhook["secret"]
        assert unseal(found.old_secret) == webhook["secret"]


class TestPing:
    def test_it_names_the_event_that_was_sent_off(self, as_alice: Api) -> None:
        answer = as_alice.post(f"{path_of(made(as_alice))}/ping")
        assert answer.status == 202
        assert answer.body == {"event": str(Event.objects.get(type="webhook.ping").uid)}

    def test_it_sends_nothing_to_a_disabled_one(self, as_alice: Api) -> None:
        path = f"{path_of(made(as_alice, enabled=False))}/ping"
        with nothing_written():
            refused: Answer = as_alice.post(path)
        assert (refused.status, refused.code) == (409, "webhook_disabled")
