"""Who may what, spelled out: a role that reaches further than here is a mistake."""

from itertools import product

import pytest

from tasks.policies import ALLOWED, Action, Role, allows

EXPECTED = {
    "viewer": {"READ", "LEAVE"},
    "editor": {"READ", "LEAVE", "WRITE_TASKS", "WRITE_LABELS", "COMMENT"},
    "admin": {
        "READ",
        "LEAVE",
        "WRITE_TASKS",
        "WRITE_LABELS",
        "COMMENT",
        "MODERATE",
        "MANAGE_PROJECT",
        "MANAGE_MEMBERS",
        "PURGE",
    },
}
ACTIONS = {
    "READ",
    "LEAVE",
    "WRITE_TASKS",
    "WRITE_LABELS",
    "COMMENT",
    "MODERATE",
    "MANAGE_PROJECT",
    "MANAGE_MEMBERS",
    "PURGE",
}


def test_it_has_a_line_for_every_role_and_action() -> None:
    assert {role.value for role in Role} == set(EXPECTED)
    assert {action.name for action in Action} == ACTIONS
    assert set(ALLOWED) == set(Role)


@pytest.mark.parametrize(("role", "action"), list(product(EXPECTED, Action)))
def test_it_allows_exactly_what_is_written_here(role: str, action: Action) -> None:
    assert allows(role, action) is (action.name in EXPECTED[role])


@pytest.mark.parametrize("role", ["", "owner", "ADMIN", "none"])
def test_it_knows_no_other_role(role: str) -> None:
    with pytest.raises(ValueError, match="is not a valid Role"):
        allows(role, Action.READ)


def test_it_says_each_action_in_words_that_fit_after_you_may_not() -> None:
    words = [action.value for action in Action]

    assert len(set(words)) == len(words)
    assert all(text[0].islower() and not text.endswith(".") for text in words)
