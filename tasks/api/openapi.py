"""The words around the OpenAPI document; settings read it, so it imports nothing of Django."""

from typing import Any, Final

SPECTACULAR_SETTINGS: Final[dict[str, Any]] = {
    "TITLE": "Tasks",
    "VERSION": "1.0.0",
    "OAS_VERSION": "3.1.1",
    "DESCRIPTION": (
        "A service for tasks: projects with members and roles, tasks with subtasks, labels and "
        "comments. What happens is one log of events, read as a feed, as what differs since a "
        "token, as the history of a task, and through webhooks.\n\n"
        "**PUT and PATCH keep what the body leaves out.** Lists are walked with the `next` link. "
        "Unknown fields and parameters are refused by name. Every error is a problem of RFC 9457; "
        "its `code` is stable, and its `type` is a page that says what to do."
    ),
    "TAGS": [
        {"name": "auth", "description": "Get, renew and give back tokens."},
        {"name": "me", "description": "Who you are."},
        {"name": "tasks", "description": "Things to do, and what lies below them."},
        {"name": "comments", "description": "What members say about a task."},
        {"name": "projects", "description": "Lists of tasks and their members."},
        {"name": "labels", "description": "Words that group tasks inside a project."},
        {"name": "events", "description": "What happened, in one order, from any place on."},
        {"name": "changes", "description": "What to do to a copy, to keep it as it is here."},
        {"name": "webhooks", "description": "Where events are posted to, and what came of it."},
    ],
    "SCHEMA_PATH_PREFIX": "/api/v1",
    "SERVE_INCLUDE_SCHEMA": False,
    "SERVE_PERMISSIONS": ["rest_framework.permissions.AllowAny"],
    "SERVE_AUTHENTICATION": [],
    "SWAGGER_UI_DIST": "SIDECAR",
    "SWAGGER_UI_FAVICON_HREF": "SIDECAR",
    "REDOC_DIST": "SIDECAR",
    "SWAGGER_UI_SETTINGS": {"deepLinking": True, "persistAuthorization": True},
    "COMPONENT_SPLIT_REQUEST": True,
    "WEBHOOKS": ["tasks.api.posted.EVENT"],
    "PREPROCESSING_HOOKS": ["tasks.api.schema.only_api"],
    "POSTPROCESSING_HOOKS": ["tasks.api.schema.share_problems", "tasks.api.schema.demand_bodies"],
}
