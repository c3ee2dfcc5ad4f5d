"""Django's settings, made from config/env.py and nothing else."""

from __future__ import annotations

from urllib.parse import urlsplit

from config import assets as _assets
from config import brokers as _brokers
from config import env as _env
from config import logins as _logins
from config import mail as _mail
from config import outside as _outside
from config.profiles import PROFILES
from config.state import ROOT as _ROOT

ENV = _env.load()

BASE_DIR = _ROOT
DEBUG = ENV.debug
SECRET_KEY = _logins.django_key(ENV)
PUBLIC_URL = ENV.public_url
_public = urlsplit(PUBLIC_URL)
_https = _public.scheme == "https"
ALLOWED_HOSTS = sorted(
    {_public.hostname or "", *ENV.allowed_hosts, *(() if _https else ("127.0.0.1", "localhost", "[::1]"))}
)

# What the apps read; none of them reads the environment.
DATABASE_ROLE = ENV.role
ROLE_PREFIX = ENV.role_prefix
ONE_ROLE = ENV.one_role
PROFILE = ENV.profile
PROXY_COUNT = ENV.proxy_count
TIMINGS = PROFILES[ENV.profile]
LOG_ORIGIN = ENV.log_origin
LOG_KEY = ENV.below_state(ENV.log_key, "secrets/log.key")
LOG_KEY_ML_DSA = _ROOT / ENV.log_key_ml_dsa if ENV.log_key_ml_dsa else None
ANCHOR_DIR = ENV.below_state(ENV.anchor_dir, "anchor")
ANCHORS = ENV.anchors
LOG_POLICY = _ROOT / ENV.log_policy if ENV.log_policy else None
TSA_ROOTS = _ROOT / ENV.tsa_roots if ENV.tsa_roots else None
SHIPPED_AGENT_MODULES: tuple[str, ...] = ("agents.shipped",)
AGENT_MODULES = (*SHIPPED_AGENT_MODULES, *ENV.agent_modules)
LEDGER = ENV.below_state(ENV.ledger, "ledger.sqlite")
INBOX = _ROOT / ENV.inbox if ENV.inbox else None
SAMPLE_DATA = _ROOT / ENV.sample_data
STATE_DIR = ENV.state_dir
OUTBOX_DIR = ENV.outbox_dir
SECRETS_DIR = ENV.secrets_dir
SHARED_SECRETS = ENV.shared_secrets
SEALING = ENV.seal == "on"
SUBJECT_SECRET = ENV.secret("subjects")
BROKERS = _brokers.doorbells(ENV, TIMINGS)

INSTALLED_APPS = [
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "whitenoise.runserver_nostatic",
    "django.contrib.staticfiles",
    "django_htmx",
    "template_partials",
    "axes",
    "allauth",
    "allauth.account",
    "allauth.mfa",
    "allauth.socialaccount",
    *_outside.apps(ENV),
    "audit",
    "reviews",
    "agents",
    "config",
]

MIDDLEWARE = [
    "config.middleware.request_id",
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "config.middleware.content_security_policy",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "config.middleware.session_age",
    "config.middleware.clocks",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
    "config.middleware.readable",
    "allauth.account.middleware.AccountMiddleware",
    "axes.middleware.AxesMiddleware",
    "config.middleware.wrong_method",
]

ROOT_URLCONF = "config.urls"
WSGI_APPLICATION = "config.wsgi.application"

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "config.context.installation",
            ],
        },
    }
]

# The database. Timeouts bound what one request may hold; health checks because connections are kept.
_LIMITS = "-c statement_timeout=15s -c lock_timeout=5s -c idle_in_transaction_session_timeout=30s"
_MIGRATION_LIMITS = "-c lock_timeout=30s"

DATABASES = {
    "default": {
        "ENGINE": "django.db.backends.postgresql",
        **_logins.database_login(ENV),
        "CONN_MAX_AGE": 60,
        "CONN_HEALTH_CHECKS": True,
        "OPTIONS": {
            **_logins.database_options(ENV.database_url),
            "connect_timeout": 3,
            "application_name": f"assentry-{ENV.role}",
            "options": _MIGRATION_LIMITS if ENV.role == "owner" else _LIMITS,
        },
    }
}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

# Sign-in. Sessions end after 30 idle minutes, and after 12 hours in any case (config.middleware).
AUTH_USER_MODEL = "reviews.User"
AUTHENTICATION_BACKENDS = [
    "axes.backends.AxesStandaloneBackend",
    "django.contrib.auth.backends.ModelBackend",
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
LOGIN_URL = "/sign-in/"
LOGIN_REDIRECT_URL = "/"
LOGOUT_REDIRECT_URL = "/sign-in/"
STEP_UP_URL = "/confirm/"
STEP_UP_SECONDS = ENV.step_up_seconds
SESSION_COOKIE_AGE = 30 * 60
SESSION_SAVE_EVERY_REQUEST = False
SESSION_ABSOLUTE_AGE = 12 * 3600
SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = "Lax"
SESSION_COOKIE_NAME = "__Host-session" if _https else "assentry-session"
CSRF_USE_SESSIONS = True
CSRF_FAILURE_VIEW = "config.views.stale_form"
# Stages beyond the password are django-allauth's. Accounts are invited, so it offers neither sign-up nor mail.
ACCOUNT_ADAPTER = "config.accounts.Accounts"
ACCOUNT_LOGIN_METHODS = {"username"}
ACCOUNT_SIGNUP_FIELDS = ["username*", "password1*"]
ACCOUNT_EMAIL_VERIFICATION = "none"
ACCOUNT_EMAIL_NOTIFICATIONS = False
ACCOUNT_SESSION_REMEMBER = False
ACCOUNT_PREVENT_ENUMERATION = True
ACCOUNT_REAUTHENTICATION_TIMEOUT = STEP_UP_SECONDS
ACCOUNT_RATE_LIMITS = {  # wrong passwords are counted by axes, wrong codes and letters asked for here
    "login": "",
    "login_failed": "10/15m/key",
    "reset_password": "20/h/ip,3/h/key",
}
PASSWORD_RESET_TIMEOUT = 3600
MFA_ADAPTER = "config.accounts.Factors"
MFA_SUPPORTED_TYPES = ["totp", "webauthn", "recovery_codes"]
MFA_TOTP_TOLERANCE = 1
MFA_RECOVERY_CODES_SHOW_ONCE = True
MFA_ALLOW_UNVERIFIED_EMAIL = True
MFA_WEBAUTHN_USER_VERIFICATION = "preferred"
SOCIALACCOUNT_ADAPTER = "config.accounts.Outside"
SOCIALACCOUNT_AUTO_SIGNUP = False
SOCIALACCOUNT_EMAIL_AUTHENTICATION = False
SOCIALACCOUNT_STORE_TOKENS = False
SOCIALACCOUNT_LOGIN_ON_GET = True  # a link; a form that leads elsewhere would need a wider form-action
SOCIALACCOUNT_PROVIDERS = _outside.providers(ENV)
AXES_LOCKOUT_PARAMETERS = [["username", "ip_address"]]
AXES_FAILURE_LIMIT = 10
AXES_COOLOFF_TIME = 0.25  # hours
AXES_RESET_ON_SUCCESS = True
AXES_CLIENT_IP_CALLABLE = "config.middleware.client_address"
AXES_ENABLE_ADMIN = False
AXES_VERBOSE = False

# The browser. One constant policy; Django 6 reads the same name, then the middleware can go.
SECURE_CSP = {
    "default-src": ["'none'"],
    "script-src": ["'self'"],
    "style-src": ["'self'"],
    "img-src": ["'self'"],
    "font-src": ["'self'"],
    "connect-src": ["'self'"],
    "form-action": ["'self'"],
    "base-uri": ["'none'"],
    "frame-ancestors": ["'none'"],
}
SECURE_CONTENT_TYPE_NOSNIFF = True
SECURE_REFERRER_POLICY = "same-origin"
SECURE_CROSS_ORIGIN_OPENER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = _https
SECURE_SSL_REDIRECT = _https
SECURE_HSTS_SECONDS = 63_072_000 if _https else 0
SECURE_HSTS_INCLUDE_SUBDOMAINS = SECURE_HSTS_PRELOAD = _https
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if _https and ENV.proxy_count else None
CSRF_TRUSTED_ORIGINS = [PUBLIC_URL] if _https else []
DATA_UPLOAD_MAX_MEMORY_SIZE = 16 * 1024 * 1024
DATA_UPLOAD_MAX_NUMBER_FIELDS = 5_000
DATA_UPLOAD_MAX_NUMBER_FILES = 20

LANGUAGE_CODE = "en-gb"
TIME_ZONE = "UTC"
USE_I18N = False
FORMAT_MODULE_PATH = "config.formats"
USE_TZ = True

# While somebody works on them they change under one address, and nothing keeps them.
STATIC_URL = "/static/" if DEBUG else _assets.address(BASE_DIR / "static")
STATICFILES_DIRS = [path for path in (BASE_DIR / "static",) if path.is_dir()]
# Served from the apps' folders: nothing to collect, and whitenoise keeps the list in memory.
STATIC_ROOT = None
WHITENOISE_USE_FINDERS = True
WHITENOISE_AUTOREFRESH = DEBUG
WHITENOISE_MAX_AGE = 0 if DEBUG else _assets.KEPT

EMAIL_BACKEND, _mail_options = _mail.backend(ENV.mail_url)
EMAIL_HOST = _mail_options.host
EMAIL_PORT = _mail_options.port
EMAIL_HOST_USER = _mail_options.user
EMAIL_HOST_PASSWORD = _mail_options.password
EMAIL_USE_SSL = _mail_options.ssl
EMAIL_TIMEOUT = 10
EMAIL_FILE_PATH = str(OUTBOX_DIR)
NOTICES = ENV.notices == "on"
DEFAULT_FROM_EMAIL = SERVER_EMAIL = ENV.mail_from

# Web never talks to Redis. What all its processes must know for a moment (codes just used, attempts counted) lies
# in the database; what each may know for itself in its own memory.
CACHES = {
    "default": {
        "BACKEND": "django.core.cache.backends.db.DatabaseCache",
        "LOCATION": "desk_cache",
        "OPTIONS": {"MAX_ENTRIES": 100_000},  # beyond it entries go before their time, and used codes are among them
    },
    "memory": {"BACKEND": "django.core.cache.backends.locmem.LocMemCache"},
}

LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"line": {"()": "config.logs.Line"}},
    "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "line"}},
    "root": {"handlers": ["stderr"], "level": "INFO"},
    "loggers": {
        "django.server": {"handlers": ["stderr"], "level": "INFO", "propagate": False},
        "axes": {"level": "WARNING"},
    },
}
