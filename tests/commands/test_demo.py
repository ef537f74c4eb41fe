"""The demo account: made once, on a database of nobody, and the printed password always works."""

from pathlib import Path

import pytest

from tasks.management import demo
from tasks.models.user import User

pytestmark = pytest.mark.django_db


@pytest.fixture
def password_file(tmp_path: Path) -> Path:
    return tmp_path / "var" / "demo-password"


def test_it_makes_a_superuser_with_a_password_that_works(password_file: Path) -> None:
    account = demo.ensure(password_file)

    user = User.objects.get()
    assert (user.username, user.is_superuser, user.is_staff) == ("demo", True, True)
    assert account == demo.Account("demo", password_file.read_text().strip())
    assert len(account.password) == 16
    assert user.check_password(account.password)


def test_it_keeps_the_password_from_other_users_of_the_machine(password_file: Path) -> None:
    demo.ensure(password_file)

    assert password_file.stat().st_mode & 0o777 == 0o600


def test_it_tells_the_same_password_on_the_next_start(password_file: Path) -> None:
    first = demo.ensure(password_file)

    assert demo.ensure(password_file) == first
    assert User.objects.count() == 1


def test_it_gives_a_new_database_the_password_that_is_kept(password_file: Path) -> None:
    first = demo.ensure(password_file)
    User.objects.all().delete()

    assert demo.ensure(password_file) == first
    assert User.objects.get().check_password(first.password)


def test_it_makes_up_a_password_for_an_empty_file(password_file: Path) -> None:
    password_file.parent.mkdir()
    password_file.touch(0o644)

    account = demo.ensure(password_file)

    assert User.objects.get().check_password(account.password)
    assert password_file.stat().st_mode & 0o777 == 0o600


def test_it_says_so_when_the_password_is_not_the_one_in_the_file(password_file: Path) -> None:
    demo.ensure(password_file)
    password_file.unlink()

    account = demo.ensure(password_file)

    assert account.password == "YOUR-PASSWORD"
    assert account.remark == (
        f"The password of demo is not the one in {password_file}. "
        "Set another: LOCAL_RUN=true .venv/bin/python manage.py changepassword demo"
    )
    assert not password_file.exists()


def test_it_adds_no_door_to_a_database_with_users(password_file: Path) -> None:
    User.objects.create_user("somebody")

    account = demo.ensure(password_file)

    assert account.username == "YOUR-NAME"
    assert account.remark.startswith("This database has its own users")
    assert [user.username for user in User.objects.all()] == ["somebody"]
    assert not password_file.exists()
