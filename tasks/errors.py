"""What can go wrong in the domain, by name. No word of HTTP: the edge translates.

Each class carries a stable `code`, which is also the code of its problem type in the catalogue
(`tasks.api.problems`). A test walks the catalogue and finds every class there.
"""

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class FieldError:
    """One mistake, at one place.

    Attributes:
        field: a path in the body like `labels/3`, empty for all of it; or a query parameter.
        in_query: whether it is a query parameter.
    """

    field: str
    code: str
    detail: str
    in_query: bool = False


class DomainError(Exception):
    """A refusal that the caller can do something about."""

    code = "validation_failed"

    def __init__(self, detail: str = "", *, errors: Sequence[FieldError] = ()) -> None:
        super().__init__(detail)
        self.detail = detail
        self.errors = tuple(errors)


class Invalid(DomainError):
    """The wish contradicts a rule; `errors` names the fields."""

    @classmethod
    def field(cls, field: str, code: str, detail: str) -> "Invalid":
        return cls("The request breaks a rule.", errors=[FieldError(field, code, detail)])


class NotVisible(DomainError):
    """There is no such thing, or none that the actor may see: nobody can tell which."""

    code = "not_found"

    @classmethod
    def named(cls, field: str, *, in_query: bool = False) -> "NotVisible":
        """The thing that a field of the body or a query parameter names."""
        error = FieldError(field, "not_found", "There is nothing of this name to see.", in_query)
        return cls("The request names something that does not exist.", errors=[error])


class NotAllowed(DomainError):
    """The actor sees it, but their role does not reach."""

    code = "permission_denied"


class IdTaken(DomainError):
    code = "id_taken"


class ExternalIdTaken(DomainError):
    code = "external_id_taken"


class LabelTaken(DomainError):
    code = "label_taken"


class AlreadyMember(DomainError):
    code = "already_member"


class LastAdmin(DomainError):
    code = "last_admin"


class Conflict(DomainError):
    """Something else was changed at the same moment, and this cannot stand beside it."""

    code = "conflict"


class PositionTaken(Conflict):
    """Another process made the same order key; the next one will do."""


class VersionMismatch(DomainError):
    """The thing has another version than the caller takes it to have."""

    code = "precondition_failed"

    def __init__(self, version: int) -> None:
        super().__init__(f"Its version is {version} now.")
        self.version = version


class KeyInUse(DomainError):
    """The first request with this idempotency key has not ended yet."""

    code = "idempotency_key_in_use"


class KeyReused(DomainError):
    """This idempotency key belongs to another request."""

    code = "idempotency_key_reused"


class EventsExpired(DomainError):
    """The events that came next are older than the log keeps them."""

    code = "events_expired"


class InTrash(DomainError):
    code = "in_trash"


class InboxStays(DomainError):
    """The inbox project is a part of its user: it is not deleted and its owner not removed."""

    code = "inbox_stays"


class TooManyWebhooks(DomainError):
    """The user has as many endpoints as one may have."""

    code = "too_many_webhooks"


class WebhookDisabled(DomainError):
    """Nothing is sent to this endpoint until it is enabled again."""

    code = "webhook_disabled"


class InvalidCredentials(DomainError):
    """Name and password do not fit an active account; which of them is wrong is not said."""

    code = "invalid_credentials"


class InvalidToken(DomainError):
    """A token is malformed, expired, used before, or its sign-in is over; which is not said."""

    code = "invalid_token"
