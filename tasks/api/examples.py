"""Examples for the documentation, by serializer. A test sends and validates each of them."""

from typing import Any, Final

_ALICE: Final = "01938f6e-7c00-7a11-8b22-0f1e2d3c4b5a"
_BOB: Final = "01938f6e-7c01-7a11-8b22-0f1e2d3c4b5b"
_PROJECT: Final = "01938f70-1e40-7c33-9d44-1a2b3c4d5e6f"
_TASK: Final = "01938f71-52a8-7e55-8f66-2b3c4d5e6f70"
_OTHER: Final = "01938f71-52a9-7e55-8f66-2b3c4d5e6f71"
_MOMENT: Final = "2026-11-24T08:00:00.000000Z"
_WRITTEN: Final = {"version": 1, "created_at": _MOMENT, "updated_at": _MOMENT}

type Examples = dict[str, dict[str, dict[str, Any]]]

SENT: Final[Examples] = {
    "TaskBody": {
        "A title will do": {"title": "Learn Flask"},
        "With a date, labels and a key of your own": {
            "title": "Send the invoice",
            "due_date": "2027-03-31",
            "due_time": "17:30",
            "timezone": "Europe/Berlin",
            "priority": 3,
            "labels": ["office"],
            "external_id": "crm-4711",
        },
    },
    "TaskChange": {"Complete it": {"completed": True}, "Let it be open": {"completed": False}},
    "MoveBody": {
        "After another task": {"after": _OTHER},
        "To the top": {"after": None},
        "To another project": {"project": _PROJECT},
    },
    "ProjectBody": {"Begin a project": {"name": "Moving house"}},
    "ProjectChange": {"Another name": {"name": "Moving house, at last"}},
    "MemberBody": {"Let bob write": {"user": "bob", "role": "editor"}},
    "MemberChange": {"Only look": {"role": "viewer"}},
    "LabelBody": {"Another name": {"name": "errands"}},
    "CommentBody": {"Say something": {"body": "The movers come at **nine**."}},
    "CommentChange": {"Say it better": {"body": "The movers come at **ten**."}},
    "SignInBody": {"Sign in": {"username": "alice", "password": "correct horse"}},
    "RefreshBody": {"The newest one": {"refresh": "eyJhbGciOiJIUzI1NiIs…"}},
    "RevokeBody": {"Either token": {"token": "eyJhbGciOiJIUzI1NiIs…"}},
}

SHOWN: Final[Examples] = {
    "TaskBody": {
        "A task": {
            "id": _TASK,
            "project": _PROJECT,
            "parent": None,
            "title": "Learn Flask",
            "description": "",
            "status": "todo",
            "completed": False,
            "priority": 0,
            "start_date": None,
            "due_date": None,
            "due_time": None,
            "timezone": "UTC",
            "due_at": None,
            "completed_at": None,
            "assignee": None,
            "labels": [],
            "external_id": None,
            "metadata": {},
            "position": "8Kq2Zx7Ta4",
            **_WRITTEN,
            "created_by": _ALICE,
            "deleted_at": None,
        }
    },
    "ProjectBody": {
        "A project": {
            "id": _PROJECT,
            "name": "Moving house",
            "description": "",
            "inbox": False,
            "role": "admin",
            **_WRITTEN,
            "created_by": _ALICE,
            "deleted_at": None,
        }
    },
    "MemberShown": {
        "A member": {"user": _BOB, "username": "bob", "role": "editor", **_WRITTEN},
    },
    "MeBody": {"You": {"id": _ALICE, "username": "alice", "inbox": _PROJECT}},
}
