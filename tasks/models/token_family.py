"""One sign-in and the refresh tokens that descend from it.

Every refresh token of a sign-in carries the same `sid` claim and only the newest, `current_jti`,
is good. So a refresh is one conditional UPDATE, a token that is shown a second time is a theft
that ends the whole family (RFC 9700 §4.14.2), and no token is ever stored. One row per sign-in
in place of one row per token; when not to use it: tokens of an external issuer have no family.
"""

from typing import ClassVar

from django.conf import settings
from django.db import models

from tasks.ids import uuid7


class TokenFamily(models.Model):
    """A sign-in that lives until it expires, is ended, or its user's password changes."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="token_families"
    )
    auth_hash = models.CharField(
        max_length=128, help_text="The user's session auth hash when they signed in."
    )
    current_jti = models.CharField(max_length=64)
    created_at = models.DateTimeField()
    expires_at = models.DateTimeField()
    ended_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        verbose_name_plural = "token families"
        indexes: ClassVar = [models.Index(fields=["expires_at"], name="token_family_expires_at")]

    def __str__(self) -> str:
        return str(self.id)
