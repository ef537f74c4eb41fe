"""`/api/v1/me`"""

from rest_framework.request import Request
from rest_framework.response import Response

from tasks.api.v1.bodies import MeBody
from tasks.api.views import ApiView
from tasks.operations.projects import inbox


class MeView(ApiView):
    """Who you are here."""

    shown = MeBody

    def get(self, request: Request) -> Response:
        """Get your id, your username and your inbox."""
        home = inbox(actor=self.actor, now=self.now)
        body = {"id": self.user_id, "username": request.user.get_username(), "inbox": home.pk}
        return Response(body)
