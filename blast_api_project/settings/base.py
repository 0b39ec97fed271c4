"""What all environments share. `dev.py` and `prod.py` say the rest."""

from __future__ import annotations

from contextlib import suppress
from datetime import timedelta
from pathlib import Path
from typing import Any

from blast_api.domain.database_url import database_of
from blast_api_project.configured import Unusable

BASE_DIR = Path(__file__).resolve().parents[2]
# What must outlive a process and is no log: postponed callbacks, counts, locks. `load` lets the operator name another.
STATE_DIR = "/var/lib/blast-api"

INSTALLED_APPS = [
    "django.contrib.contenttypes",
    "django.contrib.auth",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "axes",
    "django_htmx",
    "rest_framework",
    "drf_yasg",
    "blast_api",
    "django_crontab",  # behind ours, whose command of the same name comes first
]
# Sessions, cookies and accounts are for pages alone, which bring their middleware along (`dashboard/page.py`): applications
# carry tokens, the carrier carries signed addresses.
MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "django.middleware.common.CommonMiddleware",
]
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.messages.context_processors.messages",
            ],
            "libraries": {"dashboard": "blast_api.dashboard.words"},
        },
    }
]
ROOT_URLCONF = "blast_api_project.urls"
WSGI_APPLICATION = "blast_api_project.wsgi.application"
APPEND_SLASH = False
LANGUAGES = [("en", "English"), ("es", "Español")]
USE_TZ = True
TIME_ZONE = "UTC"
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

STATIC_URL = "static/"
STATIC_ROOT = BASE_DIR / "static"

# People who use the pages. Who guesses passwords is locked out by name and address, counted in the database: right over
# many hosts.
AUTH_USER_MODEL = "blast_api.Person"
AUTHENTICATION_BACKENDS = ["axes.backends.AxesStandaloneBackend", "django.contrib.auth.backends.ModelBackend"]
AXES_FAILURE_LIMIT = 10
AXES_COOLOFF_TIME = timedelta(minutes=15)
AXES_USERNAME_FORM_FIELD = "username"
AXES_LOCKOUT_PARAMETERS = [["username", "ip_address"]]
AXES_RESET_ON_SUCCESS = True
AXES_CLIENT_IP_CALLABLE = "blast_api.dashboard.access.address_of"
AXES_DISABLE_ACCESS_LOG = True
AXES_VERBOSE = False
SILENCED_SYSTEM_CHECKS = ["axes.W002"]  # its middleware: a page says itself that somebody is locked out
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator", "OPTIONS": {"min_length": 12}},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
]
SESSION_COOKIE_NAME = "blast_session"
SESSION_COOKIE_AGE = 12 * 3600  # seconds since somebody signed in
SESSION_COOKIE_SAMESITE = "Strict"
CSRF_COOKIE_NAME = "blast_csrf"
CSRF_COOKIE_SAMESITE = "Strict"
CSRF_COOKIE_HTTPONLY = True
CSRF_FAILURE_VIEW = "blast_api.dashboard.signing.forged"
MESSAGE_STORAGE = "django.contrib.messages.storage.session.SessionStorage"

REST_FRAMEWORK: dict[str, Any] = {
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_PARSER_CLASSES": ["blast_api.rest.parsers.BoundedJSONParser"],
    "DEFAULT_AUTHENTICATION_CLASSES": ["blast_api.rest.auth.ApplicationTokenAuthentication"],
    "DEFAULT_PERMISSION_CLASSES": ["blast_api.rest.auth.IsApplication"],
    "DEFAULT_THROTTLE_CLASSES": ["blast_api.rest.throttling.ApplicationThrottle"],
    "NUM_PROXIES": 0,  # none is believed what it says of who asks
    "EXCEPTION_HANDLER": "blast_api.rest.errors.handle",
    "URL_FORMAT_OVERRIDE": None,
    "UNAUTHENTICATED_USER": None,
    "UNAUTHENTICATED_TOKEN": None,
}
# Requests are counted here, by each process of the web server for itself: that needs no server, no table and no folder,
# and cannot break. So n processes let n times the rate pass at most; a cache that they share makes it one count.
CACHES = {
    "pages": {"BACKEND": "django.core.cache.backends.locmem.LocMemCache", "LOCATION": "pages"},  # a second old at most
    "default": {
        "BACKEND": "django.core.cache.backends.locmem.LocMemCache",
        "OPTIONS": {"MAX_ENTRIES": 10000},  # some 5 kB for each busy application, less for each address
    },
}
SWAGGER_USE_COMPAT_RENDERERS = False
SWAGGER_SETTINGS = {
    "USE_SESSION_AUTH": False,
    "DEFAULT_INFO": "blast_api.rest.docs.INFO",
    "DEFAULT_AUTO_SCHEMA_CLASS": "blast_api.rest.inspectors.Schema",
    "DEFAULT_GENERATOR_CLASS": "blast_api.rest.inspectors.SchemaGenerator",
    "SECURITY_DEFINITIONS": {
        "Token": {
            "type": "apiKey",
            "name": "Authorization",
            "in": "header",
            "description": "`Token <key>`; not needed in development.",
        }
    },
    "VALIDATOR_URL": None,
    "DEEP_LINKING": True,  # sections and requests have addresses
}
# Of callbacks, which are some 600 characters: a longer body is not read. Of applications' requests: MAX_BODY_BYTES.
DATA_UPLOAD_MAX_MEMORY_SIZE = 1024 * 1024

# One line for the user's crontab; etc/cron.d/blast-api is its twin for the system. Each run stays longer than a minute,
# so that the next one is up, and waits, before it ends.
CRONJOBS = [("* * * * *", "django.core.management.call_command", ["runcrons"], {"linger": 90, "take_over": True})]
CRONTAB_COMMENT = "blast-api"
CRONTAB_DJANGO_MANAGE_PATH = str(BASE_DIR / "manage.py")


def make_folder(path: str) -> None:
    """Make it if there is none and we may; whether that will do, `manage.py check` says."""
    with suppress(OSError):
        Path(BASE_DIR, str(path)).mkdir(mode=0o750)


def database(url: str) -> dict[str, object]:
    """The database of a DATABASE_URL, with the options without which this service does not run well on it.

    Raises Unusable.
    """
    try:
        parsed = database_of(url)
    except ValueError as error:
        raise Unusable(f"DATABASE_URL: {error}.") from error
    if str(parsed["ENGINE"]).endswith("sqlite3"):
        return sqlite(Path(str(parsed["NAME"])), **parsed.get("OPTIONS", {}))
    # A connection stays for the life of its thread, and one that the server closed is noticed before it is used.
    # No statement is prepared because it comes again: a plan that was made when a table was empty would be kept when it is
    # full. Those of callbacks ask for it (`db/prepared.py`). A host that is away may not even refuse: then five seconds are
    # enough. One that vanishes is noticed in ten, not when TCP gives up, after a quarter of an hour.
    options: dict[str, object] = {
        "server_side_binding": True,
        "prepare_threshold": 1_000_000_000,
        "connect_timeout": 5,
        "keepalives_idle": 5,
        "keepalives_interval": 2,
        "keepalives_count": 2,
        "tcp_user_timeout": 10000,
    }
    return parsed | {"CONN_MAX_AGE": None, "CONN_HEALTH_CHECKS": True, "OPTIONS": options | parsed.get("OPTIONS", {})}


def sqlite(path: Path, **options: object) -> dict[str, object]:
    """SQLite that several processes can write to: writers queue for the lock instead of failing half-way."""
    return {
        "ENGINE": "django.db.backends.sqlite3",
        "NAME": path,
        "CONN_MAX_AGE": None,  # opening it costs more than most requests
        "OPTIONS": {
            "transaction_mode": "IMMEDIATE",
            "timeout": 20,
            "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL;",
        }
        | options,
    }


def logging_to(folder: Path, *, level: str = "INFO") -> dict[str, object]:
    """JSON lines: the service's log and the cron jobs' log, both reopened when logrotate moves them away."""

    def log_file(name: str) -> dict[str, object]:
        return {
            "class": "blast_api.logs.file.LogFile",
            "filename": folder / name,
            "formatter": "json",
        }

    cron = {"handlers": ["cron"], "level": level, "propagate": False}
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {
            "json": {
                "()": "blast_api.logs.redaction.LineFormatter",
                "fmt": "%(levelname)s %(name)s %(process)d %(message)s",
                "rename_fields": {"levelname": "level", "name": "logger", "process": "pid"},
                "timestamp": "at",
            },
            "text": {"()": "blast_api.logs.redaction.TextFormatter"},
        },
        "filters": {
            "refusals": {"()": "blast_api.logs.redaction.AtMost", "per_minute": 10},
            "hosts": {"()": "blast_api.logs.redaction.AtMost", "per_minute": 10},
            "files": {"()": "blast_api.logs.redaction.AtMost", "per_minute": 10},
        },
        "handlers": {
            "service": log_file("blast-api.log"),
            "cron": log_file("blast-api-message-check.log"),
            "console": {"class": "logging.StreamHandler", "level": "WARNING", "formatter": "text"},
            "simulator": {"class": "logging.StreamHandler"},
        },
        "loggers": {
            "blast_api": {"handlers": ["service"], "level": level, "propagate": False},
            "blast_api.dispatch": cron,
            "blast_api.services.sweeps": cron,
            "blast_api.cron": cron,
            "blast_api.simulator": {"handlers": ["simulator"], "level": level, "propagate": False},
            # What is wrong with a file is wrong at each look at it.
            "blast_api.records.writer": {"filters": ["files"]},
            "blast_api.db.spool": {"filters": ["files"]},
            # Strangers cause these, as many as they like.
            "blast_api.callcontrol.refusals": {"filters": ["refusals"]},
            "django.security.DisallowedHost": {"filters": ["hosts"]},
            "django.request": {"level": "ERROR"},  # an answer of 400 to 499 is the client's affair
        },
        "root": {"handlers": ["service", "console"], "level": "WARNING"},
    }
