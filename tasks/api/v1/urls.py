"""The paths of API v1; none ends in a slash."""

from typing import Any

from django.urls import path

from tasks.api.v1 import auth
from tasks.api.v1.comments import CommentViewSet
from tasks.api.v1.events import ChangesView, EventsView, HistoryView
from tasks.api.v1.labels import LabelViewSet
from tasks.api.v1.me import MeView
from tasks.api.v1.members import MemberViewSet
from tasks.api.v1.projects import ProjectViewSet
from tasks.api.v1.tasks import TaskViewSet
from tasks.api.v1.webhooks import DeliveryViewSet, WebhookViewSet

_LIST: dict[str, Any] = {"get": "list", "post": "create"}
_ONE: dict[str, Any] = {
    "get": "retrieve",
    "put": "update",
    "patch": "partial_update",
    "delete": "destroy",
}
_RESTORE: dict[str, Any] = {"post": "restore"}
_CHANGE: dict[str, Any] = {"patch": "partial_update", "delete": "destroy"}
_READ_AND_CHANGE: dict[str, Any] = {"get": "retrieve", **_CHANGE}

# In the order of traffic: Django tries them one after the other.
urlpatterns = [
    path("tasks", TaskViewSet.as_view(_LIST), name="tasks"),
    path("tasks/<pk>", TaskViewSet.as_view(_ONE), name="task"),
    path("tasks/<pk>/move", TaskViewSet.as_view({"post": "move"}), name="task-move"),
    path("tasks/<pk>/restore", TaskViewSet.as_view(_RESTORE), name="task-restore"),
    path("projects", ProjectViewSet.as_view(_LIST), name="projects"),
    path("projects/<pk>", ProjectViewSet.as_view(_ONE), name="project"),
    path("projects/<pk>/restore", ProjectViewSet.as_view(_RESTORE), name="project-restore"),
    path("changes", ChangesView.as_view(), name="changes"),
    path("events", EventsView.as_view(), name="events"),
    path("tasks/<pk>/events", HistoryView.as_view(), name="task-events"),
    path("me", MeView.as_view(), name="me"),
    path("labels", LabelViewSet.as_view({"get": "list"}), name="labels"),
    path("labels/<pk>", LabelViewSet.as_view(_CHANGE), name="label"),
    path("tasks/<task_id>/comments", CommentViewSet.as_view(_LIST), name="comments"),
    path("comments/<pk>", CommentViewSet.as_view(_CHANGE), name="comment"),
    path("projects/<project_id>/members", MemberViewSet.as_view(_LIST), name="members"),
    path("projects/<project_id>/members/<user_id>", MemberViewSet.as_view(_CHANGE), name="member"),
    path("webhooks", WebhookViewSet.as_view(_LIST), name="webhooks"),
    path("webhooks/<pk>", WebhookViewSet.as_view(_READ_AND_CHANGE), name="webhook"),
    path("webhooks/<pk>/ping", WebhookViewSet.as_view({"post": "ping"}), name="webhook-ping"),
    path(
        "webhooks/<pk>/rotate-secret",
        WebhookViewSet.as_view({"post": "rotate_secret"}),
        name="webhook-rotate-secret",
    ),
    path(
        "webhooks/<webhook_id>/deliveries",
        DeliveryViewSet.as_view({"get": "list"}),
        name="deliveries",
    ),
    path(
        "deliveries/<pk>/redeliver",
        DeliveryViewSet.as_view({"post": "redeliver"}),
        name="delivery-redeliver",
    ),
    path("auth/token", auth.TokenView.as_view(), name="token"),
    path("auth/refresh", auth.RefreshView.as_view(), name="refresh"),
    path("auth/revoke", auth.RevokeView.as_view(), name="revoke"),
]
