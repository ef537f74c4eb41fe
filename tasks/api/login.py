"""The sign-in of browsers: one page for everybody, staff or not, and the way out.

The views and the form are Django's own. Before a password is looked at, an attempt spends the
budgets of sign-in, the same that `POST /api/v1/auth/token` spends: who guesses passwords has no
more tries by using both. The admin site uses this page in place of its own, which counts nothing.
"""

from typing import Any, Final

from django.contrib.auth.forms import AuthenticationForm
from django.contrib.auth.views import LoginView, LogoutView
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse

from tasks.api.problems import problem_response
from tasks.api.throttling import count_login, rate_limit_headers

_LONGEST_NAME: Final = 150


class Login(LoginView):
    """The form; whoever has signed in already is led on.

    Attributes:
        default_next: the name of where it leads if the address says nothing.
    """

    template_name = "tasks/login.html"
    http_method_names = ("get", "head", "post", "options")
    default_next = ""

    def get_redirect_url(self, request: HttpRequest | None = None) -> str:
        """Return where to go afterwards: an address of this service, or nothing."""
        url: str = super().get_redirect_url(request)
        return url or (reverse(self.default_next) if self.default_next else "")

    def get(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        """Show the form, unless somebody who may go there has only come by."""
        if request.user.is_authenticated and self.get_redirect_url() and not self._is_refused():
            return HttpResponseRedirect(self.get_success_url())
        return super().get(request, *args, **kwargs)

    def post(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        """Count the attempt, then check the password."""
        wait = count_login(request)
        response = self._too_many(wait) if wait else super().post(request, *args, **kwargs)
        for name, value in rate_limit_headers(request).items():
            response.headers[name] = value
        return response

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        return super().get_context_data(staff_only=self._is_refused(), **kwargs)

    def http_method_not_allowed(
        self, request: HttpRequest, *args: Any, **kwargs: Any
    ) -> HttpResponse:
        return _not_allowed(self, request)

    def _is_refused(self) -> bool:
        """Whether it leads to the admin site, and somebody has signed in who may not go there."""
        user = self.request.user
        is_other = user.is_authenticated and not user.is_staff
        return is_other and self.get_redirect_url().startswith(reverse("admin:index"))

    def _too_many(self, wait: int) -> HttpResponse:
        # Not the form that was sent: to show that would check its password.
        name = self.request.POST.get("username", "")[:_LONGEST_NAME]
        form = AuthenticationForm(self.request, initial={"username": name})
        context = self.get_context_data(form=form, wait=wait)
        response = self.render_to_response(context, status=429)
        response.headers["Retry-After"] = str(wait)
        return response


class Logout(LogoutView):
    """The end of a browser's session; it leads back to where it was asked for."""

    def http_method_not_allowed(
        self, request: HttpRequest, *args: Any, **kwargs: Any
    ) -> HttpResponse:
        return _not_allowed(self, request)


def _not_allowed(view: Login | Logout, request: HttpRequest) -> HttpResponse:
    allowed = {"Allow": ", ".join(view._allowed_methods())}  # type: ignore[union-attr]
    return problem_response("method_not_allowed", instance=request.path, headers=allowed)


login = Login.as_view()
admin_login = Login.as_view(default_next="admin:index")
logout = Logout.as_view()
