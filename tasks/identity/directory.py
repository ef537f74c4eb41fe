"""The users of this service follow those of the identity service, by its events.

Eventually: an event may come late, twice, or after a younger one. So each of them can be applied
again without harm, and one that comes after the user's deletion brings nothing back. A user whom
this service has never seen is none of its business.

Who is deleted there is not deleted here: with the row would go their mark on everything they did.
What stays is an account without a name, an address or a way in, which belongs to no project that
has somebody else to look after it.
"""

import logging
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from django.core.exceptions import ValidationError

from tasks.errors import InboxStays, LastAdmin
from tasks.events.identity_event import IdentityEvent
from tasks.identity import families
from tasks.models import Membership, User
from tasks.operations.access import Actor
from tasks.operations.members import remove_member, tell_new_name

logger = logging.getLogger(__name__)

# The column of each, and its type in JSON: a model's field would take a number for a text.
_FOLLOWED: Final = {
    "username": ("username", str),
    "email": ("email", str),
    "active": ("is_active", bool),
}


def follow(event: IdentityEvent, *, now: datetime) -> None:
    """Apply an event; inside a transaction of the caller's.

    Raises:
        ValueError: it says something that no user of this service can have.
    """
    user = User.objects.select_for_update(no_key=True).filter(pk=event.subject).first()
    if user is None or user.username == _nobody(user.pk):
        return
    match event.type:
        case "user.updated":
            _update(user, event.data, now)
        case "user.deactivated":
            _lock_out(user, now)
        case "user.deleted":
            _forget(user, now)


def _update(user: User, data: Mapping[str, Any], now: datetime) -> None:
    """Take over what differs: the service's own columns are not the identity service's."""
    changed = {
        column: value for column, value in _followed(data).items() if getattr(user, column) != value
    }
    old_name = user.username
    for column, value in changed.items():
        setattr(user, column, value)
    try:
        user.full_clean(exclude={field.name for field in user._meta.fields} - changed.keys())
    except ValidationError as error:
        raise _invalid(error.message_dict) from None
    if changed:
        user.save(update_fields=changed)
    if changed.get("is_active") is False:
        families.end_all(user=user, now=now)
    if "username" in changed:
        tell_new_name(user=user, was=old_name, now=now)


def _followed(data: Mapping[str, Any]) -> dict[str, Any]:
    """Return the columns that an event names, with their values; no address is an empty one."""
    named = {name: data[name] for name in _FOLLOWED if name in data}
    if named.get("email", "") is None:
        named["email"] = ""
    wrong = [name for name, value in named.items() if type(value) is not _FOLLOWED[name][1]]
    if wrong:
        raise _invalid(_FOLLOWED[name][0] for name in wrong)
    return {_FOLLOWED[name][0]: value for name, value in named.items()}


def _invalid(columns: Iterable[str]) -> ValueError:
    return ValueError(f"data has no valid {', '.join(sorted(columns))}.")


def _lock_out(user: User, now: datetime) -> None:
    """End what the user has here; each process notices within five seconds (`user_state`)."""
    User.objects.filter(pk=user.pk).update(is_active=False)
    families.end_all(user=user, now=now)


def _forget(user: User, now: datetime) -> None:
    _lock_out(user, now)
    projects = Membership.objects.filter(user=user).values_list("project", flat=True)
    for project_id in list(projects.order_by("project")):
        _leave(user.pk, project_id, now)
    user.set_unusable_password()
    old_name = user.username
    user.username, user.email = _nobody(user.pk), ""
    user.is_active = user.is_staff = user.is_superuser = False
    user.save()
    tell_new_name(user=user, was=old_name, now=now)  # To those whom the user could not leave.


def _leave(user_id: UUID, project_id: UUID, now: datetime) -> None:
    """Leave a project as if by oneself; the last admin stays, since nobody could take over."""
    try:
        remove_member(actor=Actor(user_id), now=now, project_id=project_id, user_id=user_id)
    except (LastAdmin, InboxStays):
        logger.warning("project_without_active_admin", extra={"project": str(project_id)})


def _nobody(user_id: UUID) -> str:
    return f"deleted-{user_id}"
