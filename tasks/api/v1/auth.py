"""`/api/v1/auth`: a password for tokens, a token for the next ones, and the way out.

These three take no authentication: what they are sent proves who is asking. Their answers are kept
by no cache (RFC 6749 §5.1).
"""

from dataclasses import asdict
from typing import Any, ClassVar, Final

from rest_framework import serializers, status
from rest_framework.request import Request
from rest_framework.response import Response

from tasks.api.bodies import Body
from tasks.api.throttling import LoginThrottle
from tasks.api.v1.fields import Line, Text
from tasks.api.views import ApiView
from tasks.identity import sign_in
from tasks.identity.authentication import CHALLENGE
from tasks.identity.tokens import TokenPair

_LONGEST_PASSWORD: Final = 1024  # bytes
# More than any token has: one that is too long for a token is invalid, not a breach of form.
_LONGEST_TEXT: Final = 8 * 1024


class SignInBody(Body):
    """Who signs in."""

    username = Line(most=150)
    password = Text(most=_LONGEST_PASSWORD)


class RefreshBody(Body):
    """What to exchange for the next pair of tokens."""

    refresh = Text(most=_LONGEST_TEXT, help_text="The newest refresh token of the sign-in.")


class RevokeBody(Body):
    """What to end."""

    token = Text(most=_LONGEST_TEXT, help_text="A refresh or an access token of the sign-in.")


class TokensShown(serializers.Serializer):
    """The tokens of a sign-in."""

    access = serializers.CharField(help_text="For `Authorization: Bearer …`.")
    refresh = serializers.CharField(
        help_text="Buys the next pair, once; a second use ends the whole sign-in."
    )
    expires_in = serializers.IntegerField(help_text="Seconds for which `access` is good.")
    token_type = serializers.ChoiceField(["Bearer"], help_text="Always `Bearer`.")


class RevokedShown(serializers.Serializer):
    """An empty object: there is nothing to say."""


class _AuthView(ApiView):
    authentication_classes = ()
    permission_classes = ()

    def finalize_response(
        self, request: Request, response: Response, *args: Any, **kwargs: Any
    ) -> Response:
        response = super().finalize_response(request, response, *args, **kwargs)
        response["Cache-Control"] = "no-store"
        if response.status_code == status.HTTP_401_UNAUTHORIZED:
            response["WWW-Authenticate"] = CHALLENGE  # RFC 9110 §15.5.2: every 401 has one
        return response


class TokenView(_AuthView):
    """Sign-in with a password."""

    throttle_classes = (LoginThrottle,)
    shown = TokensShown
    takes: ClassVar = {"post": SignInBody()}
    fails: ClassVar = {"post": ("invalid_credentials",)}

    def post(self, request: Request) -> Response:
        """Sign in.

        Exchanges a username and a password for an access token and a refresh token. Every refusal
        reads the same, whatever of the two is wrong or whether the account is active. Attempts
        are counted by account and by address.
        """
        given = self.body()
        return _answer(sign_in.sign_in(**given, now=self.now))


class RefreshView(_AuthView):
    """Renewal of a sign-in."""

    shown = TokensShown
    takes: ClassVar = {"post": RefreshBody()}
    fails: ClassVar = {"post": ("invalid_token",)}

    def post(self, request: Request) -> Response:
        """Get the next tokens.

        Exchanges a refresh token for the next pair. Each works once: one that is used twice, also
        at the same moment, may have been stolen and ends the whole sign-in, so send one request at
        a time. A new password ends it too.
        """
        given = self.body()
        return _answer(sign_in.refresh(token=given["refresh"], now=self.now))


class RevokeView(_AuthView):
    """The end of a sign-in."""

    shown = RevokedShown
    takes: ClassVar = {"post": RevokeBody()}
    fails: ClassVar = {}

    def post(self, request: Request) -> Response:
        """Sign out.

        Ends the sign-in that a token belongs to: its refresh token is refused at once, its access
        token within five seconds. A token that is unknown or not valid is answered in the same
        way (RFC 7009 §2.2).
        """
        given = self.body()
        sign_in.sign_out(token=given["token"], now=self.now)
        return Response({})


def _answer(pair: TokenPair) -> Response:
    return Response({**asdict(pair), "token_type": "Bearer"})
