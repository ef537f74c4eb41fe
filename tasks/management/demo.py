"""The account a newcomer signs in with: `demo`, whose random password a local run prints.

It may do everything, the admin site included, so it is made on a database that has no user yet
and nowhere else: a local run that is pointed at somebody's database adds no door to it.
"""

import os
import secrets
from pathlib import Path
from typing import Final, NamedTuple

from tasks.models.user import User

USERNAME: Final = "demo"
_CHANGE: Final = f"LOCAL_RUN=true .venv/bin/python manage.py changepassword {USERNAME}"


class Account(NamedTuple):
    """What to type, and a remark if that is not all known here."""

    username: str
    password: str
    remark: str = ""


def ensure(password_file: Path) -> Account:
    """Return the demo account; make it on the first start of a database.

    Args:
        password_file: keeps the password (mode 0600). Another database that is started from the
            same checkout gets a demo user with the same one.

    Raises:
        OSError: the file cannot be read or written.
    """
    user = User.objects.filter(username=USERNAME).first()
    if user is None:
        return _first_start(password_file)
    password = _kept(password_file)
    if password and user.check_password(password):
        return Account(USERNAME, password)
    return Account(
        USERNAME,
        "YOUR-PASSWORD",
        f"The password of {USERNAME} is not the one in {password_file}. Set another: {_CHANGE}",
    )


def _first_start(password_file: Path) -> Account:
    if User.objects.exists():
        remark = f"This database has its own users, so {USERNAME} was not made: sign in as you."
        return Account("YOUR-NAME", "YOUR-PASSWORD", remark)
    # The file first: a crash in between leaves a password that the next start gives to the user.
    password = _kept(password_file) or _keep(password_file, secrets.token_urlsafe(12))
    User.objects.create_superuser(USERNAME, password=password)
    return Account(USERNAME, password)


def _kept(path: Path) -> str:
    return path.read_text().strip() if path.exists() else ""


def _keep(path: Path, password: str) -> str:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.unlink(missing_ok=True)  # An empty file; the new one has the right mode from the start.
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write(f"{password}\n")
    return password
