"""Django's settings for the one operation that is open (`onward.registry.site`).

Nothing here depends on the machine: `open_site` adds the database and the secret, both of which
come from the operation's own key.
"""

from __future__ import annotations

from onward.registry.web.settings_access import *  # noqa: F403

DEBUG = False
ALLOWED_HOSTS = ["127.0.0.1", "localhost", "[::1]"]
ROOT_URLCONF = "onward.desk.root"
WSGI_APPLICATION = None
AUTH_USER_MODEL = "registry.Account"
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

INSTALLED_APPS = [
    "django.contrib.contenttypes",
    "django.contrib.auth",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "onward.registry.apps.RegistryConfig",
    "onward.desk.apps.DeskConfig",
    "allauth",
    "allauth.account",
    "allauth.mfa",
    "axes",
    "csp",
    "django_htmx",
]

LANGUAGE_CODE = "en"
LANGUAGES = [
    ("en", "English"),
    ("fr", "Français"),
    ("ar", "العربية"),
    ("fa", "فارسی"),
    ("ckb", "کوردیی ناوەندی"),
]
USE_I18N = True
USE_TZ = True
TIME_ZONE = "UTC"

SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = "Strict"
CSRF_COOKIE_HTTPONLY = True
CSRF_COOKIE_SAMESITE = "Strict"
X_FRAME_OPTIONS = "DENY"
SECURE_CONTENT_TYPE_NOSNIFF = True
# With "no-referrer" a browser sends "Origin: null" with its own forms, and they are refused.
SECURE_REFERRER_POLICY = "same-origin"

# An upload larger than Django's limit would be spooled to a temporary file in clear: everything
# stays in memory, and what is too large is refused.
FILE_UPLOAD_HANDLERS = ["onward.registry.importing.uploads.MemoryOnly"]
FILE_UPLOAD_MAX_MEMORY_SIZE = 20 * 2**20
DATA_UPLOAD_MAX_MEMORY_SIZE = 21 * 2**20

# No mail with a stack trace, and no address in a log: both carry what people typed.
ADMINS: list[tuple[str, str]] = []
EMAIL_BACKEND = "django.core.mail.backends.dummy.EmailBackend"
LOGGING_CONFIG = None

STATIC_URL = "static/"
WHITENOISE_USE_FINDERS = True
WHITENOISE_AUTOREFRESH = False

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "onward.desk.context.desk",
                "onward.registry.web.context.alarms",
            ],
        },
    }
]
