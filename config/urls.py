"""Every address of the service, and the views for what no view answers."""

from django.contrib import admin
from django.urls import include, path
from django.views.generic import RedirectView

from config import metrics
from tasks.api import docs, login

urlpatterns = [
    path("api/", include("tasks.api.urls")),
    path("", RedirectView.as_view(url="/api/docs")),
    path("", include("health.urls")),
    path("metrics", metrics.view),
    path("login", login.login, name="login"),
    path("logout", login.logout, name="logout"),
    # Before the admin site's own, which are never reached.
    path("admin/login/", login.admin_login),
    path("admin/logout/", login.logout),
    path("admin/", admin.site.urls),
    path("favicon.ico", docs.favicon),
]

handler400 = "tasks.api.outside.bad_request"
handler403 = "tasks.api.outside.permission_denied"
handler404 = "tasks.api.outside.not_found"
handler500 = "tasks.api.outside.server_error"
