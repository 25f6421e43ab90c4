"""Settings of accounts, second factors, lock-out, content policy and the middleware around pages.

Read by `onward.registry.web.settings`; each line closes a trap of the package it belongs to.
"""

from __future__ import annotations

from datetime import timedelta

MIDDLEWARE = [
    "onward.registry.web.middleware.Open",
    # For bad lines. A page's length under compression can tell what is in it only to who makes a browser
    # ask for it again and again, and cookies that are `Strict` go with nobody else's requests.
    "django.middleware.gzip.GZipMiddleware",
    "django.middleware.security.SecurityMiddleware",
    "csp.middleware.CSPMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.locale.LocaleMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "allauth.account.middleware.AccountMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
    "onward.registry.web.middleware.Inside",
    "axes.middleware.AxesMiddleware",
]

# -- accounts: no sign-up, no mail, no password reset by mail ---------------------------------
AUTHENTICATION_BACKENDS = [
    "axes.backends.AxesStandaloneBackend",
    "onward.registry.signing_in.signin.AccountBackend",
]
PASSWORD_HASHERS = ["django.contrib.auth.hashers.Argon2PasswordHasher"]
AUTH_PASSWORD_VALIDATORS = [
    {
        "NAME": "django.contrib.auth.password_validation.MinimumLengthValidator",
        "OPTIONS": {"min_length": 12},
    },
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
    {
        "NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator",
        "OPTIONS": {"user_attributes": ("username", "display_name")},
    },
    {"NAME": "onward.registry.signing_in.signin.EnoughVariety"},
]
LOGIN_URL = "account_login"
LOGIN_REDIRECT_URL = "/"
ACCOUNT_ADAPTER = "onward.registry.signing_in.signin.AccountAdapter"
ACCOUNT_USER_MODEL_EMAIL_FIELD = None
ACCOUNT_LOGIN_METHODS = {"username"}
ACCOUNT_SIGNUP_FIELDS = ["username*", "password1*"]
ACCOUNT_EMAIL_VERIFICATION = "none"
ACCOUNT_EMAIL_NOTIFICATIONS = False
ACCOUNT_SESSION_REMEMBER = False
ACCOUNT_LOGOUT_ON_GET = False
ACCOUNT_LOGOUT_ON_PASSWORD_CHANGE = True
ACCOUNT_LOGOUT_REDIRECT_URL = "blank"
ACCOUNT_PRESERVE_USERNAME_CASING = False
ACCOUNT_REAUTHENTICATION_REQUIRED = True
# A password alone is not a fresh sign-in.
ACCOUNT_REAUTHENTICATION_METHODS = ["mfa"]
ACCOUNT_REAUTHENTICATION_TIMEOUT = 600
# Wrong passwords are counted per name and address together (`AccountAdapter`): the package counts
# them per name, by which anybody could lock a colleague out. Wrong codes are counted per account.
ACCOUNT_RATE_LIMITS = {"login_failed": "30/m/ip,6/10m/key", "login": "60/m/ip"}

# -- second factors --------------------------------------------------------------------------
MFA_ADAPTER = "onward.registry.signing_in.signin.SecondFactors"
MFA_SUPPORTED_TYPES = ["totp", "webauthn", "recovery_codes"]
MFA_PASSKEY_LOGIN_ENABLED = True
MFA_PASSKEY_SIGNUP_ENABLED = False
MFA_WEBAUTHN_ALLOW_INSECURE_ORIGIN = False
# A touch says that somebody is there, not who: a key left in an open machine would confirm anything.
MFA_WEBAUTHN_USER_VERIFICATION = "required"
MFA_TOTP_TOLERANCE = 1
MFA_RECOVERY_CODES_SHOW_ONCE = True
MFA_TRUST_ENABLED = False

# -- lock-out ---------------------------------------------------------------------------------
AXES_FAILURE_LIMIT = 5
AXES_COOLOFF_TIME = timedelta(minutes=15)
AXES_LOCKOUT_PARAMETERS = [["username", "ip_address"]]
AXES_RESET_ON_SUCCESS = True
AXES_RESET_COOL_OFF_ON_FAILURE_DURING_LOCKOUT = False
AXES_USERNAME_CALLABLE = "onward.registry.signing_in.signin.counted_as"
AXES_CLIENT_IP_CALLABLE = "onward.registry.signing_in.signin.client_address"
AXES_DISABLE_ACCESS_LOG = True
AXES_ENABLE_ADMIN = False
AXES_VERBOSE = False
AXES_SENSITIVE_PARAMETERS = ["username", "login", "password", "code", "credential"]
AXES_LOCKOUT_CALLABLE = "onward.registry.signing_in.signin_pages.locked_out"

# Both count here, and so does the second factor, which takes no code twice.
CACHES = {"default": {"BACKEND": "onward.registry.signing_in.counters.Counters"}}

# -- sessions and cookies ---------------------------------------------------------------------
SESSION_ENGINE = "onward.registry.signing_in.sessions"
SESSION_COOKIE_NAME = "work"
SESSION_COOKIE_AGE = 10 * 3600
SESSION_EXPIRE_AT_BROWSER_CLOSE = True
CSRF_COOKIE_NAME = "work-form"
CSRF_FAILURE_VIEW = "onward.registry.signing_in.signin_pages.form_expired"
MESSAGE_STORAGE = "onward.registry.signing_in.answers.Answers"

# -- what a page may load and do: itself, nothing else -----------------------------------------
CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": ["'none'"],
        "script-src": ["'self'"],
        "style-src": ["'self'"],
        "img-src": ["'self'", "data:"],
        "font-src": ["'self'"],
        "connect-src": ["'self'"],
        "form-action": ["'self'"],
        "frame-ancestors": ["'none'"],
        "base-uri": ["'none'"],
        "object-src": ["'none'"],
    }
}

SILENCED_SYSTEM_CHECKS = [
    "auth.W004",  # a username is unique within its operation, and the backend asks within it
    "axes.W006",  # the address is in the lock-out parameters, together with the name
]
