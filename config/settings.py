"""The settings of the service: this page IS production.

Without DATABASE_URL (the embedded default), with LOCAL_RUN or with DEBUG it relaxes, in the lines
that say `PRODUCTION` or `LOCAL`, and nowhere else. Every variable is described in
docs/configuration.md. A wrong or missing one ends the process here, with a line per mistake.
"""

import os
from datetime import timedelta
from pathlib import Path

from django.utils.csp import CSP

from config import database, env, field_keys, jwt_keys, local_secrets, logging, tls
from tasks.api import openapi

BASE_DIR = Path(__file__).resolve().parent.parent
_env = env.Environment()

# --- Where this process runs ------------------------------------------------------------------

DEBUG = _env.flag("DEBUG")
LOCAL_RUN = _env.flag("LOCAL_RUN")
EMBEDDED = not _env.text("DATABASE_URL")
LOCAL = EMBEDDED or LOCAL_RUN
VAR_DIR = _env.directory("VAR_DIR", BASE_DIR / "var", create=LOCAL)
PRODUCTION = not (LOCAL or DEBUG)

# --- Secrets ----------------------------------------------------------------------------------

SECRET_KEY = local_secrets.secret(
    _env, "SECRET_KEY", path=VAR_DIR / "secret-key", local=LOCAL, strict=PRODUCTION
)
JWT_SIGNING_KEYS = jwt_keys.signing_keys(
    _env,
    local_secrets.secret(
        _env, "JWT_SIGNING_KEYS", path=VAR_DIR / "jwt-signing-key", local=LOCAL, strict=False
    ),
    strict=PRODUCTION,
)
FIELD_ENCRYPTION_KEYS = field_keys.encryption_keys(
    _env,
    local_secrets.secret(
        _env,
        "FIELD_ENCRYPTION_KEYS",
        path=VAR_DIR / "field-encryption-key",
        local=LOCAL,
        strict=False,
        size=field_keys.BYTES,
    ),
    strict=PRODUCTION,
)

# --- The web process (read by config/gunicorn.py) ---------------------------------------------

HOST = _env.text("HOST", "127.0.0.1")
PORT = _env.integer("PORT", 8000, at_least=1, at_most=65535)
REDIS_URL = _env.read("REDIS_URL", env.url_of("redis", "rediss"), "")
AMQP_URL = _env.read("AMQP_URL", env.amqp_url, "")
# The worker's own: what it counts is not among what the web processes add up.
WORKER_METRICS_PORT = _env.integer("WORKER_METRICS_PORT", 0, at_least=0, at_most=65535)
EVENT_SOURCE = _env.read("EVENT_SOURCE", env.uri_reference, "/tasks")  # CloudEvents' `source`
# Enough to work while others wait for the database; more only fight for the interpreter: eight cost
# half as much CPU again per request as four.
WEB_THREADS = 4
# Without Redis the counters of the rate limits live in the process, so there is one. With it, one
# process per core; beyond four, more replicas serve better than more processes in one container,
# whose share of the machine `cpu_count` does not know.
WEB_CONCURRENCY = _env.integer(
    "WEB_CONCURRENCY",
    min(os.cpu_count() or 1, 4) if REDIS_URL else 1,
    at_least=1,
    at_most=64,
)
TRUSTED_PROXIES: tuple[env.Network, ...] = _env.read("TRUSTED_PROXIES", env.networks, ())
WEBHOOK_ALLOWED_NETWORKS: tuple[env.Network, ...] = _env.read(
    "WEBHOOK_ALLOWED_NETWORKS", env.networks, ()
)
RATE_LIMITS = _env.read("RATE_LIMITS", env.rate_limits, dict(env.DEFAULT_RATE_LIMITS))
REQUIRE_IF_MATCH = _env.flag("REQUIRE_IF_MATCH")
METRICS_DIR = (
    _env.directory("PROMETHEUS_MULTIPROC_DIR", BASE_DIR, create=True)
    if _env.text("PROMETHEUS_MULTIPROC_DIR")
    else None
)
TLS_CERT_FILE = _env.read("TLS_CERT_FILE", env.readable_file, "")
TLS_KEY_FILE = _env.read("TLS_KEY_FILE", env.readable_file, "")
TLS_CLIENT_CA_FILE = _env.read("TLS_CLIENT_CA_FILE", env.readable_file, "")

# The names of the loopback always count: a container's health check asks there.
ALLOWED_HOSTS: list[str] = _env.read("ALLOWED_HOSTS", env.names, [])
ALLOWED_HOSTS = [*ALLOWED_HOSTS, "localhost", "127.0.0.1", "[::1]"]

# --- Applications and the way of a request ----------------------------------------------------

INSTALLED_APPS = [
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "rest_framework",
    "drf_spectacular",
    "drf_spectacular_sidecar",
    "tasks",
]
MIDDLEWARE = [
    "config.middleware.RequestContext",
    "django.middleware.security.SecurityMiddleware",
    "config.middleware.StaticFiles",
    "django.middleware.csp.ContentSecurityPolicyMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
]
ROOT_URLCONF = "config.urls"
WSGI_APPLICATION = "config.wsgi.application"
APPEND_SLASH = False  # A path with a slash too many is a 404 problem, never a redirect.
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.template.context_processors.csp",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ]
        },
    }
]

# --- Data -------------------------------------------------------------------------------------

_embedded = database.embedded(VAR_DIR / "tasks.sqlite3")
DATABASES = {
    "default": _env.read(
        "DATABASE_URL", lambda url: database.from_url(url, threads=WEB_THREADS), _embedded
    )
}
AUTH_USER_MODEL = "tasks.User"
DATA_UPLOAD_MAX_MEMORY_SIZE = 1024 * 1024
USE_TZ = True
TIME_ZONE = "UTC"
LANGUAGE_CODE = "en"
USE_I18N = False

# --- Static files -----------------------------------------------------------------------------

# The image collects them at build time: hashed names, compressed, cached for ever. A checkout has
# none, and WhiteNoise then serves them out of the packages; nobody has to run collectstatic.
STATIC_URL = "/static/"
STATIC_ROOT = BASE_DIR / "staticfiles"
STATIC_COLLECTED = (STATIC_ROOT / "staticfiles.json").is_file()
WHITENOISE_KEEP_ONLY_HASHED_FILES = True
WHITENOISE_USE_FINDERS = not STATIC_COLLECTED
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {
        "BACKEND": "whitenoise.storage.CompressedManifestStaticFilesStorage"
        if STATIC_COLLECTED
        else "django.contrib.staticfiles.storage.StaticFilesStorage"
    },
}

# --- The browser ------------------------------------------------------------------------------

LOGIN_URL = LOGOUT_REDIRECT_URL = "login"
LOGIN_REDIRECT_URL = "/api/v1/tasks"
# The messages of the admin site; the default would also make a store in a cookie per request.
MESSAGE_STORAGE = "django.contrib.messages.storage.session.SessionStorage"
SESSION_COOKIE_HTTPONLY = CSRF_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = CSRF_COOKIE_SAMESITE = "Lax"
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = PRODUCTION
CSRF_FAILURE_VIEW = "tasks.api.outside.csrf_failure"
SECURE_HSTS_SECONDS = 365 * 24 * 3600  # Sent over https only.
SECURE_HSTS_INCLUDE_SUBDOMAINS = True
SECURE_REFERRER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"
SECURE_CSP = {
    "default-src": [CSP.SELF],
    "script-src": [CSP.SELF, CSP.NONCE],
    "style-src": [CSP.SELF, CSP.NONCE],
    "img-src": [CSP.SELF, "data:"],
    "object-src": [CSP.NONE],
    "base-uri": [CSP.NONE],
    "form-action": [CSP.SELF],
    "frame-ancestors": [CSP.NONE],
}
SILENCED_SYSTEM_CHECKS = [
    # An API that redirects plain http has already received the token in clear; to refuse plain
    # http is the gateway's duty.
    "security.W008",
    # Preloading binds the whole registrable domain, so it is for that domain's owner to ask for.
    "security.W021",
]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": f"django.contrib.auth.password_validation.{name}"}
    for name in (
        "UserAttributeSimilarityValidator",
        "MinimumLengthValidator",
        "CommonPasswordValidator",
        "NumericPasswordValidator",
    )
]

# --- The API ----------------------------------------------------------------------------------

REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": [
        "tasks.identity.authentication.BearerAuthentication",
        "tasks.identity.authentication.BrowserAuthentication",
    ],
    "DEFAULT_PERMISSION_CLASSES": ["rest_framework.permissions.IsAuthenticated"],
    "DEFAULT_RENDERER_CLASSES": [
        "tasks.api.renderers.JSONRenderer",
        "tasks.api.renderers.BrowsableRenderer",
    ],
    "DEFAULT_PARSER_CLASSES": ["tasks.api.parsers.StrictJSONParser"],
    "DEFAULT_THROTTLE_CLASSES": ["tasks.api.throttling.RequestThrottle"],
    "DEFAULT_SCHEMA_CLASS": "tasks.api.schema.TaskSchema",
    "EXCEPTION_HANDLER": "tasks.api.exception_handler.handle",
    # The Accept header chooses; `?format=` would be a parameter that no table of the API knows.
    "URL_FORMAT_OVERRIDE": None,
}
SPECTACULAR_SETTINGS = openapi.SPECTACULAR_SETTINGS
SIMPLE_JWT = {
    "ACCESS_TOKEN_LIFETIME": timedelta(minutes=5),
    "REFRESH_TOKEN_LIFETIME": timedelta(days=14),
    "ISSUER": "tasks",
    "AUDIENCE": "tasks",
    "LEEWAY": 5,  # seconds by which the clocks of two processes may differ
    # simplejwt's own backend is not used (tasks/identity/tokens.py), and has no key to misuse.
    "SIGNING_KEY": "",
}

# --- Logs -------------------------------------------------------------------------------------

LOG_LEVEL = _env.choice("LOG_LEVEL", env.LOG_LEVELS, "INFO")
LOG_FORMAT = _env.choice("LOG_FORMAT", ("json", "console"), "console" if LOCAL_RUN else "json")
LOGGING = logging.configuration(level=LOG_LEVEL, style=LOG_FORMAT)

# --- What is wrong with all that --------------------------------------------------------------

if HOST not in ("127.0.0.1", "::1", "localhost") and PRODUCTION and not _env.text("ALLOWED_HOSTS"):
    _env.mistake("ALLOWED_HOSTS", "is missing. Name the hosts that clients use, comma-separated.")
tls.check(_env, certificate=TLS_CERT_FILE, key=TLS_KEY_FILE, client_ca=TLS_CLIENT_CA_FILE)
_env.finish()
