"""Examples for the documentation, by serializer. A test sends and validates each of them."""

from typing import Any, Final

_ALICE: Final = "01938f6e-7c00-7a11-8b22-0f1e2d3c4b5a"
_BOB: Final = "01938f6e-7c01-7a11-8b22-0f1e2d3c4b5b"
_PROJECT: Final = "01938f70-1e40-7c33-9d44-1a2b3c4d5e6f"
_TASK: Final = "01938f71-52a8-7e55-8f66-2b3c4d5e6f70"
_OTHER: Final = "01938f71-52a9-7e55-8f66-2b3c4d5e6f71"
_MOMENT: Final = "2026-11-24T08:00:00.000000Z"
_WRITTEN: Final = {"version": 1, "created_at": _MOMENT, "updated_at": _MOMENT}

_WEBHOOK: Final = {
    "id": "01938f72-5f00-7f77-9e88-3c4d5e6f7079",
    "url": "https://example.org/hooks/tasks",
    "description": "",
    "types": ["task.*"],
    "project": None,
    "enabled": True,
    "disabled_because": None,
    "failing_since": None,
    "breaker": "closed",
    **_WRITTEN,
}

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
    "WebhookBody": {
        "Everything that you may see": {"url": "https://example.org/hooks/tasks"},
        "What happens to tasks and comments of one project": {
            "url": "https://example.org/hooks/tasks",
            "types": ["task.*", "comment.created"],
            "project": _PROJECT,
            "description": "Moving house, into the chat",
        },
    },
    "WebhookChange": {"Stop for now": {"enabled": False}, "Go on": {"enabled": True}},
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
    "WebhookBody": {"An endpoint": _WEBHOOK},
    "WebhookWithSecretShown": {
        "An endpoint, and its secret": {
            **_WEBHOOK,
            "secret": "whsec_dGhlIHNlY3JldCBpbiB0aGUgZG9jdW1lbnRhdGlvbiE=",
        }
    },
    "DeliveryShown": {
        "One that waits for its next try": {
            "id": "01938f72-6a10-7f77-9e88-3c4d5e6f7081",
            "webhook": _WEBHOOK["id"],
            "event": "01938f72-69f0-7f77-9e88-3c4d5e6f7080",
            "type": "task.created",
            "state": "pending",
            "tries": 1,
            "next_try_at": "2026-11-24T08:00:05.000000Z",
            "created_at": _MOMENT,
            "ended_at": None,
            "last_attempt": {
                "at": _MOMENT,
                "duration_ms": 41,
                "status": 503,
                "error": None,
                "answer": "Back in a minute.",
            },
        }
    },
    "MeBody": {"You": {"id": _ALICE, "username": "alice", "inbox": _PROJECT}},
    "EventsShown": {
        "A task was renamed": {
            "results": [
                {
                    "specversion": "1.0",
                    "id": "01938f72-9c10-7f66-8a77-3c4d5e6f7081",
                    "source": "urn:tasks",
                    "type": "task.updated",
                    "subject": _TASK,
                    "time": _MOMENT,
                    "datacontenttype": "application/json",
                    "dataschema": "urn:tasks:events:v1:task",
                    "sequence": "00000000000000004711",
                    "data": {
                        "object": {"id": _TASK, "title": "Learn Django", "version": 2},
                        "changes": {"title": ["Learn Flask", "Learn Django"]},
                        "actor": _ALICE,
                        "request_id": "0d1f5a7c9e3b4d6f8a0c2e4b6d8f0a1c",
                        "project": _PROJECT,
                    },
                }
            ],
            "next": "https://tasks.example.org/api/v1/events?after=4711",
            "more": False,
        }
    },
    "ChangesShown": {
        "A task went out of sight": {
            "changes": [
                {"op": "delete", "type": "task", "id": _TASK, "project": _PROJECT, "data": None}
            ],
            "next": "4711.kT1xkqM4rXf0pPZ1mJ8s3cWl6yVdQnBhu2e9aGtR5oI",
            "more": False,
        }
    },
}
