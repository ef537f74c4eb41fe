"""Sign-ins in the admin site: seen without their secrets, and ended."""

from collections.abc import Callable
from datetime import datetime, timedelta

import pytest
from django.test import Client

from tasks.identity import families
from tasks.models import TokenFamily, User
from tests.admin.pages import act, act_on_form, list_of, page_of
from tests.cast import Api


@pytest.fixture
def family(alice: User, now: datetime) -> TokenFamily:
    return families.start(user=alice, now=now)


@pytest.mark.parametrize("run", [act, act_on_form])
def test_it_ends_a_sign_in(site: Client, alice: User, run: Callable[..., list[str]]) -> None:
    as_alice = Api(alice)
    assert as_alice.get("/me").status == 200
    said = run(site, "end", TokenFamily.objects.get())
    assert said == ["1 token family was ended."]
    assert TokenFamily.objects.get().ended_at is not None
    assert as_alice.get("/me").code == "invalid_token"


def test_it_ends_nothing_for_staff_who_may_only_view(
    site_for: Callable[..., Client], family: TokenFamily
) -> None:
    client = site_for("view_tokenfamily")
    client.post(list_of(TokenFamily), {"action": "end", "_selected_action": str(family.pk)})
    assert TokenFamily.objects.get().ended_at is None


def test_it_ends_sign_ins_for_support(site_for: Callable[..., Client], family: TokenFamily) -> None:
    client = site_for("view_tokenfamily", "change_tokenfamily")
    assert act(client, "end", family) == ["1 token family was ended."]


def test_it_shows_no_secret(site: Client, family: TokenFamily) -> None:
    for address in (list_of(TokenFamily), page_of(family)):
        page = site.get(address).content.decode()
        assert "alice" in page
        assert family.auth_hash not in page
        assert family.current_jti not in page


@pytest.mark.parametrize("lookup", ["auth_hash__startswith", "current_jti", "user__password__gt"])
def test_it_lets_nobody_guess_secrets_by_filters(
    site: Client, family: TokenFamily, lookup: str
) -> None:
    assert site.get(list_of(TokenFamily), {lookup: "0"}).status_code == 400


def test_it_filters_by_state(site: Client, family: TokenFamily, bob: User, now: datetime) -> None:
    ended = families.start(user=bob, now=now)
    families.end(sid=ended.pk, now=now)
    expired = families.start(user=bob, now=now)
    TokenFamily.objects.filter(pk=expired.pk).update(expires_at=now - timedelta(seconds=1))

    def shown(state: str) -> set[TokenFamily]:
        return set(site.get(list_of(TokenFamily), {"alive": state}).context["cl"].result_list)

    assert shown("yes") == {family}
    assert shown("no") == {ended, expired}
