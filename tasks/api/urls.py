"""Everything below `/api`."""

from django.urls import include, path

from tasks.api import docs

urlpatterns = [
    path("v1/", include("tasks.api.v1.urls")),
    path("schema", docs.schema, name="schema"),
    path("docs", docs.swagger, name="docs"),
    path("redoc", docs.redoc, name="redoc"),
    path("problems", docs.problems, name="problems"),
    path("problems/<code>", docs.problem_type, name="problem"),
]
