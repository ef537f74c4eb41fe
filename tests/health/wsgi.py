"""The application of the service with the health checks only, for a gunicorn of a test."""

from django.conf import settings

from config.wsgi import application

settings.ROOT_URLCONF = "health.urls"

__all__ = ["application"]
