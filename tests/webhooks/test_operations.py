"""What users can do with their endpoints: every column that each operation sets, and no other."""

from collections.abc import Callable
from datetime import datetime, timedelta
from functools import partial
from typing import Any, Final

import pytest
from django.db import connection
from django.test import override_settings
from django.test.utils import CaptureQueriesContext

from config.env import networks
from tasks.errors import (
    IdTaken,
    InTrash,
    Invalid,
    NotVisible,
    TooManyWebhooks,
    VersionMismatch,
)
from tasks.ids import uuid7
from tasks.models import Attempt, Delivery, Event, Project, User, Webhook
from tasks.operations.access import Actor
from tasks.operations.projects import delete_project
from tasks.versions import Expected
from tasks.webhooks.operations import (
    MOST_WEBHOOKS,
    create_webhook,
    delete_webhook,
    ping,
    redeliver,
    rotate_secret,
    update_webhook,
)
from tasks.webhooks.rows import WEBHOOK
from tasks.webhooks.secrets import unseal
from tests.contract.snapshot import nothing_written
from tests.contract.world import deliver
from tests.operations.racing import kinds, overlap
from tests.webhooks.conftest import URL

pytestmark = pytest.mark.django_db


@pytest.fixture
def change(owner: Actor, webhook: Webhook, later: datetime) -> Callable[..., Webhook]:
    def make(**fields: Any) -> Webhook:
        return update_webhook(actor=owner, now=later, webhook_id=webhook.pk, fields=fields)

    return make


def fail(webhook: Webhook, now: datetime, **columns: Any) -> None:
    """Let it have failed for an hour, with an open breaker."""
    failing = {"failures": 7, "failing_since": now - timedelta(hours=1), "open_until": now}
    Webhook.objects.filter(pk=webhook.pk).update(**failing, **columns)


def state(webhook: Webhook) -> tuple[Any, ...]:
    found = Webhook.objects.get(pk=webhook.pk)
    return (
        *(found.disabled_at, found.disabled_because),
        *(found.failures, found.failing_since, found.open_until),
    )


AT_REST: Final = (None, "", 0, None, None)


class TestCreate:
    def test_it_makes_an_endpoint_with_a_secret_of_its_own(
        self, owner: Actor, now: datetime, project: Project
    ) -> None:
        key = uuid7()
        fields = {
            "id": key, "url": URL, "description": "Chat", "types": ["task.*"], "project": project.pk
        }  # fmt: skip
        made, secret = create_webhook(actor=owner, now=now, fields=fields)
        found = Webhook.objects.get()
        assert made == found
        assert (found.pk, found.owner_id, found.url, found.description) == (
            *(key, owner.id, URL, "Chat"),
        )
        assert (found.types, found.project_id, found.version) == (["task.*"], project.pk, 1)
        assert (found.created_at, found.updated_at) == (now, now)
        assert state(found) == AT_REST
        assert secret.startswith("whsec_")
        assert secret not in found.secret
        assert unseal(found.secret) == secret
        assert (found.old_secret, found.old_secret_until) == ("", None)
        _, other = create_webhook(actor=owner, now=now, fields={"url": URL})
        assert other != secret

    def test_it_records_no_event(self, webhook: Webhook) -> None:
        assert not Event.objects.exists()

    def test_it_can_begin_disabled(self, owner: Actor, now: datetime) -> None:
        fields = {"url": URL, "enabled": False}
        made, _ = create_webhook(actor=owner, now=now, fields=fields)
        assert state(made) == (now, "owner", 0, None, None)

    @pytest.mark.parametrize("url", ["http://example.org/", "https://10.0.0.1/", "https://"])
    def test_it_takes_no_address_that_cannot_be_posted_to(
        self, owner: Actor, now: datetime, url: str
    ) -> None:
        with nothing_written(), pytest.raises(Invalid) as caught:
            create_webhook(actor=owner, now=now, fields={"url": url})
        [error] = caught.value.errors
        assert (error.field, error.code) == ("url", "unusable")
        assert error.detail

    def test_it_takes_a_private_address_that_the_operator_allows(
        self, owner: Actor, now: datetime
    ) -> None:
        with override_settings(WEBHOOK_ALLOWED_NETWORKS=networks("10.0.0.0/24")):
            create_webhook(actor=owner, now=now, fields={"url": "http://10.0.0.1:81/"})
            with pytest.raises(Invalid):
                create_webhook(actor=owner, now=now, fields={"url": "http://10.0.1.1/"})

    def test_it_takes_no_project_that_its_owner_cannot_see(
        self, charlie: User, project: Project, now: datetime
    ) -> None:
        for place in (project.pk, uuid7()):
            fields = {"url": URL, "project": place}
            with nothing_written(), pytest.raises(NotVisible) as caught:
                create_webhook(actor=Actor(charlie.pk), now=now, fields=fields)
            assert [error.field for error in caught.value.errors] == ["project"]

    def test_it_takes_no_project_in_the_trash(
        self, owner: Actor, project: Project, now: datetime
    ) -> None:
        delete_project(actor=owner, now=now, project_id=project.pk)
        with nothing_written(), pytest.raises(InTrash):
            create_webhook(actor=owner, now=now, fields={"url": URL, "project": project.pk})

    def test_it_takes_no_id_twice(self, owner: Actor, webhook: Webhook, now: datetime) -> None:
        with nothing_written(), pytest.raises(IdTaken):
            create_webhook(actor=owner, now=now, fields={"url": URL, "id": webhook.pk})

    def test_it_makes_no_more_than_one_may_have(
        self, owner: Actor, bob: User, now: datetime
    ) -> None:
        for _ in range(MOST_WEBHOOKS):
            create_webhook(actor=owner, now=now, fields={"url": URL})
        with nothing_written(), pytest.raises(TooManyWebhooks):
            create_webhook(actor=owner, now=now, fields={"url": URL})
        create_webhook(actor=Actor(bob.pk), now=now, fields={"url": URL})
        delete_webhook(actor=owner, webhook_id=Webhook.objects.filter(owner=owner.id)[0].pk)
        create_webhook(actor=owner, now=now, fields={"url": URL})


@pytest.mark.django_db(transaction=True)
def test_it_makes_no_more_than_one_may_have_at_the_same_moment(alice: User, now: datetime) -> None:
    Webhook.objects.bulk_create(
        Webhook(owner=alice, url=URL, created_at=now, updated_at=now)
        for _ in range(MOST_WEBHOOKS - 1)
    )
    make = partial(create_webhook, actor=Actor(alice.pk), now=now, fields={"url": URL})
    assert kinds(overlap(make, make)) == {"ok": 1, "TooManyWebhooks": 1}
    assert Webhook.objects.count() == MOST_WEBHOOKS


class TestUpdate:
    @pytest.mark.parametrize(
        "fields",
        [{"url": "https://example.com/"}, {"description": "Chat"}, {"types": ["label.*"]}],
    )
    def test_it_changes_a_field_and_the_version(
        self, change: Callable[..., Webhook], later: datetime, fields: dict[str, Any]
    ) -> None:
        changed = change(**fields)
        found = Webhook.objects.with_row_columns().get()
        assert WEBHOOK.show(found) == WEBHOOK.show(changed)
        assert {name: getattr(found, name) for name in fields} == fields
        assert (found.version, found.updated_at) == (2, later)

    def test_it_takes_and_gives_up_a_project(
        self, change: Callable[..., Webhook], project: Project
    ) -> None:
        assert change(project=project.pk).project_id == project.pk
        assert change(project=None).project_id is None
        with nothing_written(), pytest.raises(NotVisible):
            change(project=uuid7())

    def test_it_writes_nothing_without_a_difference(self, change: Callable[..., Webhook]) -> None:
        with nothing_written():
            same: dict[str, Any] = {"url": URL, "types": [], "project": None}
            for fields in ({}, {"enabled": True}, same):
                assert change(**fields).version == 1

    def test_it_disables_and_enables(
        self, change: Callable[..., Webhook], webhook: Webhook, later: datetime
    ) -> None:
        assert change(enabled=False).version == 2
        assert state(webhook) == (later, "owner", 0, None, None)
        with nothing_written():
            change(enabled=False)
        assert change(enabled=True).version == 3
        assert state(webhook) == AT_REST

    def test_it_withholds_what_waits_for_one_that_is_disabled(
        self,
        owner: Actor,
        change: Callable[..., Webhook],
        webhook: Webhook,
        now: datetime,
        later: datetime,
    ) -> None:
        other = deliver(create_webhook(actor=owner, now=now, fields={"url": URL})[0], now)
        waiting, sending = deliver(webhook, now), deliver(webhook, now)
        lease = {"holder": uuid7(), "leased_until": later + timedelta(minutes=1)}
        Delivery.objects.filter(pk=sending.pk).update(**lease)
        change(enabled=False)
        states = dict(Delivery.objects.values_list("pk", "state"))
        assert states == {waiting.pk: "withheld", sending.pk: "pending", other.pk: "pending"}
        assert Delivery.objects.get(pk=waiting.pk).ended_at == later

    @pytest.mark.parametrize("reason", ["gone", "failing"])
    def test_it_forgets_the_failures_of_one_that_is_enabled(
        self, change: Callable[..., Webhook], webhook: Webhook, now: datetime, reason: str
    ) -> None:
        fail(webhook, now, disabled_at=now, disabled_because=reason)
        enabled = change(enabled=True)
        assert state(webhook) == AT_REST
        assert WEBHOOK.show(enabled)["breaker"] == "closed"

    def test_it_keeps_the_reason_of_one_that_is_disabled_already(
        self, change: Callable[..., Webhook], webhook: Webhook, now: datetime
    ) -> None:
        fail(webhook, now, disabled_at=now, disabled_because="gone")
        with nothing_written():
            change(enabled=False)

    def test_it_forgets_the_failures_of_another_address(
        self, change: Callable[..., Webhook], webhook: Webhook, now: datetime
    ) -> None:
        fail(webhook, now)
        change(description="Still the same")
        assert state(webhook)[2] == 7
        change(url="https://example.com/")
        assert state(webhook) == AT_REST

    def test_it_refuses_another_version(
        self, owner: Actor, webhook: Webhook, now: datetime
    ) -> None:
        with nothing_written(), pytest.raises(VersionMismatch):
            update_webhook(
                actor=owner,
                now=now,
                webhook_id=webhook.pk,
                fields={"description": "x"},
                expected=Expected.exactly(2),
            )


class TestRotate:
    def test_it_lets_the_old_secret_sign_for_a_day(
        self, owner: Actor, webhook: Webhook, later: datetime
    ) -> None:
        first = unseal(webhook.secret)
        _, second = rotate_secret(actor=owner, now=later, webhook_id=webhook.pk)
        found = Webhook.objects.get()
        assert (unseal(found.secret), unseal(found.old_secret)) == (second, first)
        assert second != first
        assert found.old_secret_until == later + timedelta(hours=24)
        assert (found.version, found.updated_at) == (2, later)

    def test_it_forgets_the_one_before_the_last(
        self, owner: Actor, webhook: Webhook, later: datetime
    ) -> None:
        secrets = [
            rotate_secret(actor=owner, now=later, webhook_id=webhook.pk)[1] for _ in range(2)
        ]
        found = Webhook.objects.get()
        assert [unseal(found.old_secret), unseal(found.secret)] == secrets


class TestDelete:
    def test_it_takes_its_deliveries_along_and_no_others(
        self, owner: Actor, webhook: Webhook, now: datetime
    ) -> None:
        empty, other = (
            create_webhook(actor=owner, now=now, fields={"url": URL})[0] for _ in range(2)
        )
        kept = deliver(other, now)
        for _ in range(3):
            deliver(webhook, now)
        with CaptureQueriesContext(connection) as of_none:
            delete_webhook(actor=owner, webhook_id=empty.pk)
        with CaptureQueriesContext(connection) as of_three:
            delete_webhook(actor=owner, webhook_id=webhook.pk)
        assert len(of_three) == len(of_none)  # none of them is looked at
        assert Webhook.objects.get() == other
        assert Delivery.objects.get() == kept
        assert Attempt.objects.get().delivery == kept
        assert Event.objects.count() == 4


def test_it_is_nobody_elses_business(webhook: Webhook, bob: User, now: datetime) -> None:
    delivery, other = deliver(webhook, now), Actor(bob.pk)
    acts: list[Callable[[], object]] = [
        lambda: update_webhook(
            actor=other, now=now, webhook_id=webhook.pk, fields={"description": "Mine"}
        ),
        lambda: delete_webhook(actor=other, webhook_id=webhook.pk),
        lambda: rotate_secret(actor=other, now=now, webhook_id=webhook.pk),
        lambda: ping(actor=other, now=now, webhook_id=webhook.pk),
        lambda: redeliver(actor=other, now=now, delivery_id=delivery.pk),
    ]
    with nothing_written():
        for act in acts:
            with pytest.raises(NotVisible):
                act()


@pytest.mark.django_db(transaction=True)
def test_it_does_not_enable_what_is_disabled_meanwhile(alice: User, now: datetime) -> None:
    """The second waits for the row, and sees what the first has made of it."""
    owner = Actor(alice.pk)
    made, _ = create_webhook(actor=owner, now=now, fields={"url": URL})
    write = partial(update_webhook, actor=owner, now=now, webhook_id=made.pk)
    first = partial(write, fields={"enabled": False}, expected=Expected.exactly(1))
    second = partial(write, fields={"description": "x"}, expected=Expected.exactly(1))
    assert kinds(overlap(first, second)) == {"ok": 1, "VersionMismatch": 1}
    assert state(made) == (now, "owner", 0, None, None)
