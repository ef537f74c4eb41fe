"""Secrets of endpoints: made, encrypted, and encrypted again under a new key."""

from base64 import b64decode
from collections.abc import Callable
from io import StringIO

import pytest
from cryptography.fernet import Fernet
from django.core.management import CommandError, call_command
from hypothesis import given
from hypothesis import strategies as st
from pytest_django import Settings

from tasks.models import User, Webhook
from tasks.operations.access import Actor
from tasks.webhooks.operations import rotate_secret
from tasks.webhooks.resealing import Resealed, reseal_all
from tasks.webhooks.secrets import Unreadable, new_secret, resealed, seal, unseal
from tests.factories import LONG_AGO
from tests.operations.racing import overlap

OLD, NEW, OTHER = (Fernet.generate_key().decode() for _ in range(3))


@pytest.fixture(autouse=True)
def old_key(settings: Settings) -> None:
    settings.FIELD_ENCRYPTION_KEYS = [OLD]


@pytest.mark.once
class TestOneSecret:
    def test_it_is_made_of_32_random_bytes(self) -> None:
        made = [new_secret() for _ in range(100)]
        assert len(set(made)) == 100
        assert {len(b64decode(each.removeprefix("whsec_"), validate=True)) for each in made} == {32}
        assert all(each.startswith("whsec_") for each in made)

    @given(text=st.text(st.characters(exclude_categories=["Cs"])))
    def test_it_comes_back_as_it_was_and_is_not_seen_in_between(self, text: str) -> None:
        sealed = seal(text)
        assert unseal(sealed) == text
        assert sealed.isascii()
        assert not text or text not in sealed or len(text) < 4

    def test_it_is_encrypted_differently_each_time(self) -> None:
        assert seal("a") != seal("a")

    def test_it_is_encrypted_with_the_first_key_and_decrypted_with_each(
        self, settings: Settings
    ) -> None:
        before = seal("before")
        settings.FIELD_ENCRYPTION_KEYS = [NEW, OLD]
        after = seal("after")
        assert (unseal(before), unseal(after)) == ("before", "after")
        assert Fernet(NEW).decrypt(after) == b"after"

    @pytest.mark.parametrize("stored", ["", "whsec_in_clear", "é", "gAAAAA", None])
    def test_it_is_an_error_and_not_the_stored_text_if_no_key_fits(
        self, settings: Settings, stored: str | None
    ) -> None:
        sealed = seal("a secret") if stored is None else stored
        settings.FIELD_ENCRYPTION_KEYS = [NEW, OTHER]
        for read in (unseal, resealed):
            with pytest.raises(Unreadable) as error:
                read(sealed)
            assert str(error.value) == (
                "A stored secret can be decrypted with none of FIELD_ENCRYPTION_KEYS: "
                "put the key that encrypted it back into the list."
            )

    def test_it_is_an_error_if_it_was_changed(self) -> None:
        sealed = seal("a secret")
        middle = len(sealed) // 2
        changed = f"{sealed[:middle]}{'A' if sealed[middle] != 'A' else 'B'}{sealed[middle + 1 :]}"
        with pytest.raises(Unreadable):
            unseal(changed)

    def test_it_is_left_alone_under_the_first_key(self, settings: Settings) -> None:
        sealed = seal("a secret")
        settings.FIELD_ENCRYPTION_KEYS = [OLD, NEW]
        assert resealed(sealed) == sealed


@pytest.fixture
def make_webhook(alice: User) -> Callable[..., Webhook]:
    """Insert an endpoint with secrets, encrypted under the keys of the moment."""

    def make(secret: str, old_secret: str = "") -> Webhook:
        return Webhook.objects.create(
            owner=alice,
            url="https://hooks.example.com",
            secret=seal(secret),
            old_secret=seal(old_secret) if old_secret else "",
            created_at=LONG_AGO,
            updated_at=LONG_AGO,
        )

    return make


def stored() -> list[tuple[str, str]]:
    return list(Webhook.objects.order_by("pk").values_list("secret", "old_secret"))


def rotate() -> str:
    said = StringIO()
    call_command("rotate_encryption_keys", stdout=said)
    return said.getvalue()


class TestTheCommand:
    def test_it_frees_the_old_key(
        self, settings: Settings, make_webhook: Callable[..., Webhook]
    ) -> None:
        first = make_webhook("one", "one before")
        make_webhook("two")
        settings.FIELD_ENCRYPTION_KEYS = [NEW, OLD]
        make_webhook("three")
        unchanged = stored()[2]

        assert rotate() == "3 secrets encrypted again\n"

        settings.FIELD_ENCRYPTION_KEYS = [NEW]
        (one, one_before), (two, two_before), three = stored()
        assert [unseal(each) for each in (one, one_before, two)] == ["one", "one before", "two"]
        assert two_before == ""
        assert three == unchanged
        again = Webhook.objects.get(pk=first.pk)
        assert (again.version, again.updated_at) == (1, LONG_AGO)

    def test_it_changes_nothing_the_second_time(
        self, settings: Settings, make_webhook: Callable[..., Webhook]
    ) -> None:
        make_webhook("one", "one before")
        settings.FIELD_ENCRYPTION_KEYS = [NEW, OLD]
        rotate()
        before = stored()
        assert rotate() == "0 secrets encrypted again\n"
        assert stored() == before

    @pytest.mark.parametrize("count", [0, 1, 2, 3, 4])
    def test_it_does_all_of_them_in_batches(
        self, settings: Settings, make_webhook: Callable[..., Webhook], count: int
    ) -> None:
        for number in range(count):
            make_webhook(str(number))
        settings.FIELD_ENCRYPTION_KEYS = [NEW, OLD]
        assert reseal_all(batch=2) == Resealed(changed=count)
        settings.FIELD_ENCRYPTION_KEYS = [NEW]
        assert [unseal(secret) for secret, _ in stored()] == [str(each) for each in range(count)]

    def test_it_goes_on_past_what_no_key_decrypts_and_says_whose_it_is(
        self, settings: Settings, make_webhook: Callable[..., Webhook]
    ) -> None:
        lost = make_webhook("lost")
        settings.FIELD_ENCRYPTION_KEYS = [OTHER]
        make_webhook("found")
        settings.FIELD_ENCRYPTION_KEYS = [NEW, OTHER]
        before = stored()[0]

        with pytest.raises(CommandError) as error:
            rotate()

        assert str(lost.pk) in str(error.value)
        assert str(error.value).startswith("None of FIELD_ENCRYPTION_KEYS decrypts the secret of ")
        assert stored()[0] == before
        assert Fernet(NEW).decrypt(stored()[1][0]) == b"found"

    @pytest.mark.django_db(transaction=True)
    @pytest.mark.parametrize("owner_first", [True, False])
    def test_it_overwrites_no_secret_that_its_owner_rotates_meanwhile(
        self, settings: Settings, make_webhook: Callable[..., Webhook], *, owner_first: bool
    ) -> None:
        webhook = make_webhook("first")
        settings.FIELD_ENCRYPTION_KEYS = [NEW, OLD]

        def rotated() -> tuple[Webhook, str]:
            return rotate_secret(actor=Actor(webhook.owner_id), now=LONG_AGO, webhook_id=webhook.pk)

        if owner_first:
            (_, secret), done = overlap(rotated, reseal_all)
        else:
            done, (_, secret) = overlap(reseal_all, rotated)

        assert done == Resealed(changed=1)
        assert [unseal(each) for each in stored()[0]] == [secret, "first"]
        settings.FIELD_ENCRYPTION_KEYS = [NEW]
        assert [unseal(each) for each in stored()[0]] == [secret, "first"]
