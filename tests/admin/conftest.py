"""Those who enter the admin site, signed in as a browser would be."""

from collections.abc import Callable

import pytest
from django.contrib.auth.models import Permission
from django.test import Client

from tasks.models import User


@pytest.fixture
def root(db: None) -> User:
    return User.objects.create_superuser("root")


@pytest.fixture
def site(root: User) -> Client:
    """The site as a superuser sees it."""
    client = Client()
    client.force_login(root)
    return client


@pytest.fixture
def site_for(db: None) -> Callable[..., Client]:
    """The site as staff with certain permissions, like `view_task`, see it."""

    def make(*permissions: str) -> Client:
        user = User.objects.create_user("erin", is_staff=True)
        user.user_permissions.set(Permission.objects.filter(codename__in=permissions))
        assert user.user_permissions.count() == len(permissions)
        client = Client()
        client.force_login(user)
        return client

    return make
