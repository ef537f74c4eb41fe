"""Accounts in the admin site, and what support people may not do to them."""

from collections.abc import Callable
from datetime import datetime

import pytest
from django.contrib.auth.models import Group
from django.test import Client
from django.urls import reverse

from tasks.errors import InvalidToken
from tasks.identity import families
from tasks.models import Membership, Project, User
from tests.admin.pages import list_of, opened, page_of, save, send
from tests.operations.watching import told

PASSWORD = "correct horse battery staple"
SUPPORT = ("add_user", "change_user", "view_user")


def add(client: Client, **fields: str) -> int:
    passwords = {"usable_password": "true", "password1": PASSWORD, "password2": PASSWORD}
    return client.post(f"{list_of(User)}add/", {**passwords, **fields}).status_code


def password_page(user: User) -> str:
    return reverse("admin:auth_user_password_change", args=[user.pk])


def test_it_adds_a_user_who_can_sign_in(site: Client) -> None:
    assert add(site, username="frank") == 302
    frank = User.objects.get(username="frank")
    assert frank.check_password(PASSWORD)
    assert (frank.is_active, frank.is_staff, frank.is_superuser) == (True, False, False)


@pytest.mark.parametrize("username", ["", "alice", "ALICE", "a b", "x" * 151])
def test_it_refuses_names_that_are_taken_or_odd(site: Client, alice: User, username: str) -> None:
    before = User.objects.count()
    assert add(site, username=username) == 200
    assert User.objects.count() == before


def test_it_links_to_the_form_that_sets_a_password(site: Client, alice: User) -> None:
    assert "../password/" in site.get(page_of(alice)).content.decode()
    data = {"usable_password": "true", "password1": PASSWORD, "password2": PASSWORD}
    assert site.post(password_page(alice), data).status_code == 302
    alice.refresh_from_db()
    assert alice.check_password(PASSWORD)


def test_it_saves_what_was_changed(site: Client, alice: User) -> None:
    group = Group.objects.create(name="Support")
    save(site, alice, email="alice@example.org", is_staff="on", groups=[str(group.pk)])
    alice.refresh_from_db()
    assert (alice.email, alice.is_staff, alice.is_superuser) == ("alice@example.org", True, False)
    assert list(alice.groups.all()) == [group]


def test_it_tells_the_projects_of_a_new_name(site: Client, alice: User, project: Project) -> None:
    with told():
        save(site, alice, username="alicia")

    assert Membership.objects.get(user=alice).version == 2


def test_it_ends_sign_ins_by_deactivation(site: Client, alice: User, now: datetime) -> None:
    family = families.start(user=alice, now=now)
    fields = opened(site, alice)
    del fields["is_active"]  # what a browser sends for an empty checkbox: nothing
    send(site, alice, fields)
    assert not User.objects.get(pk=alice.pk).is_active
    save(site, alice, is_active="on")  # They stay ended.
    assert User.objects.get(pk=alice.pk).is_active
    with pytest.raises(InvalidToken):
        families.rotate(sid=family.pk, jti=family.current_jti, now=now)


def test_it_lets_support_add_and_help_users(site_for: Callable[..., Client], alice: User) -> None:
    support = site_for(*SUPPORT)
    assert add(support, username="frank") == 302
    save(support, alice, email="alice@example.org")
    alice.refresh_from_db()
    assert alice.email == "alice@example.org"
    data = {"usable_password": "true", "password1": PASSWORD, "password2": PASSWORD}
    assert support.post(password_page(alice), data).status_code == 302


def test_it_lets_support_grant_nothing(site_for: Callable[..., Client], alice: User) -> None:
    support = site_for(*SUPPORT)
    group = Group.objects.create(name="Everything")
    grants = {"is_staff": "on", "is_superuser": "on", "groups": [str(group.pk)]}
    save(support, alice, **grants)
    assert add(support, username="frank", is_staff="on", is_superuser="on") == 302
    for user in User.objects.filter(username__in=["alice", "frank"]):
        assert (user.is_staff, user.is_superuser, user.groups.count()) == (False, False, 0)


@pytest.mark.parametrize("who", ["root", "erin"])
def test_it_keeps_support_away_from_accounts_of_staff(
    site_for: Callable[..., Client], root: User, who: str
) -> None:
    support = site_for(*SUPPORT)  # erin herself
    account = User.objects.get(username=who)
    before = User.objects.values().get(pk=account.pk)
    data = {"usable_password": "true", "password1": PASSWORD, "password2": PASSWORD}
    assert support.get(page_of(account)).status_code == 200
    assert support.post(password_page(account), data).status_code == 403
    saved = support.post(page_of(account), {"username": "mine", "_save": "Save"})
    assert saved.status_code == 403
    assert User.objects.values().get(pk=account.pk) == before


@pytest.mark.parametrize("lookup", ["password__startswith", "password"])
def test_it_lets_nobody_guess_hashes_by_filters(site: Client, lookup: str) -> None:
    assert site.get(list_of(User), {lookup: "pbkdf2"}).status_code == 400


@pytest.mark.parametrize("permissions", [SUPPORT, ("view_user",)])
def test_it_shows_no_part_of_a_hash(
    site_for: Callable[..., Client], alice: User, permissions: tuple[str, ...]
) -> None:
    alice.set_password(PASSWORD)
    alice.save()
    page = site_for(*permissions).get(page_of(alice)).content.decode()
    _, salt, digest = alice.password.split("$")
    assert "alice" in page
    assert salt[:6] not in page
    assert digest[:6] not in page
