"""All settings: environment in, one typed module out. Every default is safe on a laptop and on a server.

The README lists the variables. A `.env` file beside manage.py is read when there is one.
"""

from __future__ import annotations

import socket
import sys
from pathlib import Path
from typing import Any

from csp.constants import NONCE, NONE, SELF, UNSAFE_EVAL, UNSAFE_INLINE
from django.utils.translation import gettext_lazy as _

from heygem_site import environment
from heygem_site.environment import env

BASE_DIR = Path(__file__).resolve().parent.parent
env.read_env(str(BASE_DIR / ".env"))

# Where everything generated lives: database, uploads, results, logs.
MEDIA_ROOT = environment.folder("HEYGEM_DATA", default=BASE_DIR / "media")
SECRET_KEY = environment.secret_key("SECRET_KEY", stored_in=MEDIA_ROOT / "secret_key")
DEBUG = environment.switch("DEBUG", default=False)

# --- addresses -------------------------------------------------------------------------------------------------------
ALLOWED_HOSTS = environment.words("ALLOWED_HOSTS", default=["localhost", "127.0.0.1", "[::1]"])
CSRF_TRUSTED_ORIGINS = environment.words("CSRF_TRUSTED_ORIGINS", default=[])
HTTPS = environment.switch("HTTPS", default=False)

# --- parts -----------------------------------------------------------------------------------------------------------
INSTALLED_APPS = [
    "unfold.apps.BasicAppConfig",
    "heygem_site.administration.AdministrationConfig",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "whitenoise.runserver_nostatic",
    "django.contrib.staticfiles",
    "csp",
    "rest_framework",
    "drf_spectacular",
    "drf_spectacular_sidecar",
    "django_q",
    "projects",
]
MIDDLEWARE = [
    "projects.middleware.HeadMiddleware",
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "projects.middleware.CompressPagesMiddleware",
    "csp.middleware.CSPMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.locale.LocaleMiddleware",
    "projects.middleware.UploadSizeMiddleware",  # speaks the reader's language; nothing before it reads the body
    "projects.middleware.SlashMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "projects.middleware.SignInMiddleware",
    "projects.middleware.ReaderMiddleware",
    "projects.middleware.OpenedMiddleware",
    "projects.middleware.WhoAsksMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
]
ROOT_URLCONF = "heygem_site.urls"
WSGI_APPLICATION = "heygem_site.wsgi.application"
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.template.context_processors.i18n",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "csp.context_processors.nonce",
            ]
        },
    }
]

# --- database and cache ----------------------------------------------------------------------------------------------
SQLITE: dict[str, Any] = {
    "ENGINE": "django.db.backends.sqlite3",
    "NAME": MEDIA_ROOT / "db.sqlite3",
    "OPTIONS": {
        # Readers never wait, and a transaction that will write takes its turn at once instead of failing half-way.
        "transaction_mode": "IMMEDIATE",
        "timeout": 20,
        "init_command": "PRAGMA journal_mode=WAL;",
    },
}
DATABASE_URL = environment.address("DATABASE_URL", schemes=("postgres", "postgresql"))
DATABASES = {"default": env.db_url_config(DATABASE_URL) if DATABASE_URL else SQLITE}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
REDIS_URL = environment.address("REDIS_URL", schemes=("redis", "rediss"))
FILE_CACHE = {
    "BACKEND": "django.core.cache.backends.filebased.FileBasedCache",
    "LOCATION": MEDIA_ROOT / "cache",
    "OPTIONS": {"MAX_ENTRIES": 10_000},  # it throws out any entry when full; the counts of wrong passwords shall stay
}
REDIS_CACHE = {"BACKEND": "django.core.cache.backends.redis.RedisCache", "LOCATION": REDIS_URL}
CACHES: dict[str, dict[str, Any]] = {"default": REDIS_CACHE if REDIS_URL else FILE_CACHE}

# --- files and limits ------------------------------------------------------------------------------------------------
LARGEST_CLIP_BYTES = environment.number("LARGEST_CLIP_MB", default=4096, least=1, most=1_000_000) * 2**20
LARGEST_TRACK_BYTES = environment.number("LARGEST_TRACK_MB", default=1024, least=1, most=1_000_000) * 2**20
FREE_SPACE_FLOOR_BYTES = environment.number("FREE_SPACE_FLOOR_MB", default=1024, least=0, most=10_000_000) * 2**20
UPLOAD_HOURS = environment.number("UPLOAD_HOURS", default=72, least=1, most=24 * 365)
FILE_UPLOAD_TEMP_DIR = environment.folder("HEYGEM_UPLOADS", default=MEDIA_ROOT / "scratch" / "uploads")
FILE_UPLOAD_PERMISSIONS = 0o600
DATA_UPLOAD_MAX_NUMBER_FILES = 10
STATIC_URL = "static/"
STATIC_ROOT = MEDIA_ROOT / "static"
STATICFILES_DIRS = [BASE_DIR / "static"] if (BASE_DIR / "static").is_dir() else []
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {"BACKEND": "whitenoise.storage.CompressedManifestStaticFilesStorage"},
    "bucket": {"BACKEND": "projects.bucket.Bucket"},  # loaded only where S3_BUCKET is set
}
# A web server in front that sends files itself is told where they lie under this prefix (X-Accel-Redirect).
MEDIA_ACCEL_PREFIX = environment.prefix("MEDIA_ACCEL_PREFIX")
# The home of finished files, where one is named; the data folder then keeps what was used last.
S3_BUCKET = str(env.str("S3_BUCKET", default=""))
S3_ENDPOINT_URL, S3_REGION = environment.origin("S3_ENDPOINT_URL"), str(env.str("S3_REGION", default="us-east-1"))
S3_ACCESS_KEY_ID, S3_SECRET_ACCESS_KEY = environment.both("S3_ACCESS_KEY_ID", "S3_SECRET_ACCESS_KEY")
S3_CACHE_BYTES = environment.number("S3_CACHE_MB", default=20_480, least=0, most=100_000_000) * 2**20
S3_LINK_SECONDS = environment.number("S3_LINK_MINUTES", default=5, least=1, most=7 * 24 * 60) * 60
# Where browsers cannot reach the bucket: off, and its files are sent from here.
MEDIA_REDIRECT = environment.switch("MEDIA_REDIRECT", default=True) and bool(S3_BUCKET)
# Other servers than Amazon's, and names with dots (no certificate fits them), have the bucket in the path.
S3_HOST, S3_PATH_STYLE = S3_ENDPOINT_URL or f"https://s3.{S3_REGION}.amazonaws.com", bool(S3_ENDPOINT_URL) or "." in S3_BUCKET
BUCKET_ORIGIN = [S3_HOST if S3_PATH_STYLE else S3_HOST.replace("//", f"//{S3_BUCKET}.")] if MEDIA_REDIRECT else []

# --- other systems ---------------------------------------------------------------------------------------------------
WEBHOOKS = environment.switch("WEBHOOKS", default=False)
# What people's addresses may lead to although it is in a private network: host names, addresses, networks.
PRIVATE_TARGETS = environment.targets("PRIVATE_TARGETS")

# Duix-Avatar's interface for scripts that were written for it, and the folder that it takes files from and puts videos into.
DUIX_DOOR = environment.switch("DUIX_DOOR", default=False)
DUIX_FOLDER = environment.existing_folder("DUIX_FOLDER")

# --- renders ---------------------------------------------------------------------------------------------------------
ENGINE_COMMAND = [sys.executable, "-m", "lipsync.process"]
RENDER_TIME_LIMIT_SECONDS = environment.number("RENDER_TIME_LIMIT_SECONDS", default=4 * 3600, least=10, most=7 * 86400)
# Weights that somebody has installed, see `manage.py weights`. LIPSYNC_FORBIDDEN_LICENCES is read where weights are looked up.
WEIGHTS_ROOT = environment.folder("LIPSYNC_WEIGHTS", default=MEDIA_ROOT / "weights")
# An engine process is exchanged for a fresh one after so many requests, or when it holds so much memory after one; none may
# ever use more than the limit (0: no limit).
ENGINE_REQUESTS = environment.number("ENGINE_REQUESTS", default=50, least=1, most=100_000)
ENGINE_MEMORY_BYTES = environment.number("ENGINE_MEMORY_MB", default=1024, least=64, most=1_000_000) * 2**20
ENGINE_MEMORY_LIMIT_BYTES = environment.number("ENGINE_MEMORY_LIMIT_MB", default=8192, least=0, most=10_000_000) * 2**20
MAKE_PREVIEWS = environment.switch("MAKE_PREVIEWS", default=True)
TEACH_WHILE_IDLE = environment.switch("TEACH_WHILE_IDLE", default=True)
SEGMENT_HOURS = environment.number("SEGMENT_HOURS", default=24, least=1, most=24 * 365)
PARALLEL_JOBS_PER_USER = environment.number("PARALLEL_JOBS_PER_USER", default=0, least=0, most=1000)  # 0: no limit
# Lanes of this machine: each is a queue worker of its own, with a queue of its own.
NODE_NAME = environment.machine("NODE_NAME", default=socket.gethostname())
CPU_LANES = environment.number("CPU_LANES", default=1, least=0, most=64)
GPU_LANES = environment.devices("GPU_LANES")
IO_LANES = environment.number("IO_LANES", default=1, least=0, most=1)
LANE = str(env.str("HEYGEM_LANE", default=""))  # set by the supervisor: the lane that this process belongs to
Q_CLUSTER: dict[str, Any] = {
    "name": "heygem",
    "cluster_name": "nobody",  # a lane's queue comes from Q_CLUSTER_NAME
    "workers": 1,
    "queue_limit": 1,
    "bulk": 1,
    # A wake-up runs one render; the render has its own limit and ends well before this one.
    "timeout": RENDER_TIME_LIMIT_SECONDS + 600,
    "retry": RENDER_TIME_LIMIT_SECONDS + 1200,
    "ack_failures": True,
    "max_attempts": 1,
    # The supervisor watches every process of a lane; a worker that the library replaced would look like one that died.
    "recycle": 0,
    "save_limit": -1,
    "catch_up": False,
    "scheduler": False,
    "guard_cycle": 1,
    "poll": 0.2,
    "label": "Wake-ups",
    "ALT_CLUSTERS": {},  # without it the library does not start under another name
}
if REDIS_URL:
    Q_CLUSTER["redis"] = REDIS_URL
else:
    Q_CLUSTER["orm"] = "default"

# --- people ----------------------------------------------------------------------------------------------------------
AUTHENTICATION_BACKENDS = ["projects.backends.People"]
LOGIN_URL = "pages:sign_in"
LOGIN_REDIRECT_URL = "pages:quick_render"
LOGOUT_REDIRECT_URL = "pages:sign_in"
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator", "OPTIONS": {"min_length": 10}},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
    {"NAME": "django.contrib.auth.password_validation.NumericPasswordValidator"},
]
PASSWORD_RESET_TIMEOUT = 24 * 3600  # of a link to a new password
REST_FRAMEWORK: dict[str, Any] = {
    "DEFAULT_AUTHENTICATION_CLASSES": [
        "projects.api.entrance.TokenAuthentication",
        "projects.api.entrance.BrowserAuthentication",
    ],
    "DEFAULT_PERMISSION_CLASSES": ["rest_framework.permissions.IsAuthenticated", "projects.api.entrance.InScope"],
    "DEFAULT_PARSER_CLASSES": [
        "projects.api.parsing.PlainJson",
        "rest_framework.parsers.FormParser",
        "rest_framework.parsers.MultiPartParser",
    ],
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_THROTTLE_CLASSES": ["projects.api.limits.RequestsPerMinute"],
    "DEFAULT_THROTTLE_RATES": {"tokens": "10/min"},
    "DEFAULT_SCHEMA_CLASS": "projects.api.schema.Described",
    "EXCEPTION_HANDLER": "projects.api.errors.answer",
    "NUM_PROXIES": environment.number("TRUSTED_PROXIES", default=0, least=0, most=10),
    "TEST_REQUEST_DEFAULT_FORMAT": "json",
}
TOKEN_DAYS = environment.number("TOKEN_DAYS", default=90, least=1, most=3650)
# Requests of one token, or of one signed-in person, a minute; 0: any number.
API_REQUESTS_PER_MINUTE = environment.number("API_REQUESTS_PER_MINUTE", default=1200, least=0, most=1_000_000)

SPECTACULAR_SETTINGS: dict[str, Any] = {
    "TITLE": "HeyGem Studio",
    "VERSION": "1",
    "OAS_VERSION": "3.1.0",
    "SCHEMA_PATH_PREFIX": "/api/v1",
    "SERVE_INCLUDE_SCHEMA": False,
    "SERVE_PERMISSIONS": ["rest_framework.permissions.IsAuthenticated"],
    "COMPONENT_SPLIT_REQUEST": True,
    "COMPONENT_SPLIT_PATCH": False,
    "ENUM_NAME_OVERRIDES": {
        "Role": "projects.models.Role",
        "InvitedAs": "projects.api.projects.INVITED",
        "EventKind": "projects.models.EventKind",
        "UploadKind": "projects.models.UploadKind",
        "UploadState": "projects.models.UploadState",
        "DeliveryState": "projects.models.DeliveryState",
        "StandingState": "projects.api.speakers.STANDINGS",
        "ThingKind": "projects.api.storage.KINDS",
        "FaultClass": "projects.models.ErrorClass",
    },
}

# --- language and time -----------------------------------------------------------------------------------------------
LANGUAGE_CODE = environment.choice("LANGUAGE_CODE", default="en", among=("en", "zh-hans"))
LANGUAGES = [("en", _("English")), ("zh-hans", _("Simplified Chinese"))]
LOCALE_PATHS = [BASE_DIR / "projects" / "locale"]
TIME_ZONE = environment.time_zone("TIME_ZONE", default="UTC")
USE_TZ = True

# --- mail ------------------------------------------------------------------------------------------------------------
# Without a server for it no mail is sent, and no page offers any. The housekeeping lane sends it, never a request.
EMAIL_HOST = str(env.str("EMAIL_HOST", default=""))
EMAIL_SECURITY = environment.choice("EMAIL_SECURITY", default="starttls", among=("starttls", "tls", "none"))
EMAIL_USE_TLS, EMAIL_USE_SSL = EMAIL_SECURITY == "starttls", EMAIL_SECURITY == "tls"
EMAIL_PORT = environment.number("EMAIL_PORT", default=465 if EMAIL_USE_SSL else 587, least=1, most=65535)
EMAIL_HOST_USER, EMAIL_HOST_PASSWORD = environment.both("EMAIL_USER", "EMAIL_PASSWORD")
EMAIL_TIMEOUT = 20
EMAIL_BACKEND = f"django.core.mail.backends.{'smtp' if EMAIL_HOST else 'dummy'}.EmailBackend"
DEFAULT_FROM_EMAIL = SERVER_EMAIL = str(env.str("EMAIL_FROM", default="")) or f"heygem-studio@{socket.getfqdn()}"
# What addresses in mails begin with: no request is at hand that could tell.
PUBLIC_URL = environment.origin("PUBLIC_URL")

# --- security --------------------------------------------------------------------------------------------------------
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = SECURE_SSL_REDIRECT = HTTPS
SECURE_HSTS_SECONDS = 31_536_000 if HTTPS else 0
SECURE_HSTS_INCLUDE_SUBDOMAINS = SECURE_HSTS_PRELOAD = HTTPS
if HTTPS:
    SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
SESSION_COOKIE_SAMESITE = CSRF_COOKIE_SAMESITE = "Lax"
SECURE_REFERRER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"
CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": [SELF],
        "script-src": [SELF, NONCE],
        "style-src": [SELF, NONCE],
        "img-src": [SELF, "data:", "blob:", *BUCKET_ORIGIN],
        "media-src": [SELF, "blob:", *BUCKET_ORIGIN],
        "object-src": [NONE],
        "base-uri": [NONE],
        "form-action": [SELF],
        "frame-ancestors": [NONE],
    }
}
# The administration's theme runs on Alpine, which makes functions of the words in its templates, and puts widths into style
# attributes. Only pages that somebody who may enter the administration has been given have these rules; see CONTRIBUTING.md.
ADMINISTRATION_POLICY = {"script-src": [SELF, UNSAFE_EVAL], "style-src": [SELF], "style-src-attr": [UNSAFE_INLINE]}
# The cache lies in the data folder, which is never served as a folder: every file goes through projects/media.py.
SILENCED_SYSTEM_CHECKS = ["caches.W002"]

# --- administration --------------------------------------------------------------------------------------------------
UNFOLD: dict[str, Any] = {
    "SITE_TITLE": "HeyGem Studio",
    "SITE_HEADER": "HeyGem Studio",
    "SITE_SUBHEADER": "Administration",
    "SITE_URL": "/",
    "SITE_ICON": "projects.admin_pages.navigation.icon",
    "SITE_FAVICONS": [{"rel": "icon", "type": "image/svg+xml", "href": "projects.admin_pages.navigation.icon"}],
    "STYLES": ["projects.admin_pages.navigation.style"],
    "ACCOUNT": {"navigation": "projects.admin_pages.navigation.account"},
    "SIDEBAR": {"show_search": True, "navigation": "projects.admin_pages.navigation.groups"},
    "SHOW_HISTORY": False,  # of Django's own log; the audit log has it all
}

# --- logs ------------------------------------------------------------------------------------------------------------
LOG_FOLDER = MEDIA_ROOT / "logs"
LOG_LEVEL = environment.choice("LOG_LEVEL", default="INFO", among=("DEBUG", "INFO", "WARNING", "ERROR"))
LOGGING: dict[str, Any] = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {
        "lines": {"()": "heygem_site.log_file.JsonLines"},
        "short": {"()": "heygem_site.log_file.ShortLines", "fmt": "{asctime} {levelname} {message}", "style": "{"},
    },
    "handlers": {
        "file": {"()": "heygem_site.log_file.SharedLogFile", "path": LOG_FOLDER / "heygem.log", "formatter": "lines"},
        "console": {"class": "logging.StreamHandler", "formatter": "short", "level": "WARNING"},
    },
    "root": {"handlers": ["file", "console"], "level": LOG_LEVEL},
    "loggers": {
        "django": {"handlers": [], "propagate": True, "level": "INFO"},
        "django.server": {"handlers": ["file"], "propagate": False},
        # The steps of renders: in the file and on the page of the job, not on the console.
        "projects.jobs": {"handlers": ["file"], "propagate": False},
        # Their words on each request have signatures and links in them.
        **{name: {"level": "WARNING"} for name in ("botocore", "boto3", "urllib3")},
        # Not its three lines for each of the sweeps that come four times a minute.
        "django-q": {"handlers": [], "propagate": True, "level": "WARNING"},
    },
}
