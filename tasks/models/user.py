"""Who acts: a slim account, known by its username."""

from typing import ClassVar

from django.contrib.auth.models import AbstractBaseUser, PermissionsMixin, UserManager
from django.contrib.auth.validators import UnicodeUsernameValidator
from django.db import models
from django.utils import timezone

from tasks.ids import uuid7


class User(AbstractBaseUser, PermissionsMixin):
    """An account. Names, avatars and addresses belong to the identity provider, not here."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    username = models.CharField(
        max_length=150,
        unique=True,
        validators=[UnicodeUsernameValidator()],
        error_messages={"unique": "A user with that username already exists."},
    )
    email = models.EmailField(blank=True)
    is_active = models.BooleanField(
        "active", default=True, help_text="Clear this in place of deleting an account."
    )
    is_staff = models.BooleanField("staff", default=False, help_text="May enter the admin site.")
    date_joined = models.DateTimeField(default=timezone.now, editable=False)

    objects = UserManager["User"]()

    USERNAME_FIELD = "username"
    EMAIL_FIELD = "email"
    REQUIRED_FIELDS: ClassVar[list[str]] = []

    def __str__(self) -> str:
        return self.username
