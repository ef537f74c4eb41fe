"""The names of what goes wrong: each with a code, and the edge knows every one."""

from collections.abc import Iterator

import pytest

from tasks import errors
from tasks.api.problems import CATALOGUE
from tasks.errors import DomainError, FieldError, Invalid, NotVisible

CODES = {
    "DomainError": "validation_failed",
    "Invalid": "validation_failed",
    "NotVisible": "not_found",
    "NotAllowed": "permission_denied",
    "IdTaken": "id_taken",
    "ExternalIdTaken": "external_id_taken",
    "LabelTaken": "label_taken",
    "AlreadyMember": "already_member",
    "LastAdmin": "last_admin",
    "Conflict": "conflict",
    "PositionTaken": "conflict",
    "VersionMismatch": "precondition_failed",
    "KeyInUse": "idempotency_key_in_use",
    "KeyReused": "idempotency_key_reused",
    "EventsExpired": "events_expired",
    "InTrash": "in_trash",
    "InboxStays": "inbox_stays",
    "TooManyWebhooks": "too_many_webhooks",
    "WebhookDisabled": "webhook_disabled",
    "InvalidCredentials": "invalid_credentials",
    "InvalidToken": "invalid_token",
}


def classes() -> Iterator[type[DomainError]]:
    for value in vars(errors).values():
        if isinstance(value, type) and issubclass(value, DomainError):
            yield value


def test_it_keeps_the_codes_that_clients_compare() -> None:
    assert {kind.__name__: kind.code for kind in classes()} == CODES


@pytest.mark.parametrize("kind", list(classes()))
def test_it_finds_every_code_in_the_catalogue(kind: type[DomainError]) -> None:
    assert 400 <= CATALOGUE[kind.code].status < 500


def test_it_says_nothing_more_than_it_was_told() -> None:
    error = DomainError()

    assert (str(error), error.detail, error.errors) == ("", "", ())


def test_it_names_the_field_of_a_broken_rule() -> None:
    error = Invalid.field("title", "blank", "It must not be blank.")

    assert error.detail == "The request breaks a rule."
    assert error.errors == (FieldError("title", "blank", "It must not be blank."),)


@pytest.mark.parametrize("in_query", [False, True])
def test_it_names_the_place_of_what_cannot_be_seen(in_query: bool) -> None:
    error = NotVisible.named("parent", in_query=in_query)

    assert [(one.field, one.code, one.in_query) for one in error.errors] == [
        ("parent", "not_found", in_query)
    ]
