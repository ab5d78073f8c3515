"""Settings. Development and production differ by environment variables only; all of them are in .env.example."""

from __future__ import annotations

import os
import secrets
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from csp.constants import NONE, SELF
from django.core.exceptions import ImproperlyConfigured
from environ import Env

from config import environment as env

BASE_DIR = Path(__file__).resolve().parent.parent

TESTING = env.flag("PROMPTER_TEST")
if not TESTING and (BASE_DIR / ".env").exists():
    Env.read_env(BASE_DIR / ".env", overwrite=False)

LOCAL_DIR = Path(env.text("PROMPTER_LOCAL") or BASE_DIR / ".local")

# Without DATABASE_URL this is a private installation on one machine: services are embedded and the site is on loopback.
DATABASE_URL = env.text("DATABASE_URL")
REDIS_URL = env.text("REDIS_URL")
EMBEDDED = not DATABASE_URL
# The demo serves this machine only, whoever runs its database.
PRIVATE = EMBEDDED or env.flag("PROMPTER_DEMO")

if not (DATABASE_URL and REDIS_URL):
    from config import embedded

    _services = embedded.ensure(postgres=not DATABASE_URL, redis=not REDIS_URL)
    DATABASE_URL = DATABASE_URL or _services.database_url
    REDIS_URL = REDIS_URL or _services.redis_url


def _secret_key() -> str:
    given = env.text("SECRET_KEY")
    if given:
        return given
    if not EMBEDDED:
        raise ImproperlyConfigured("SECRET_KEY is not set. Set it to a long random text; it signs sessions and links.")
    path = LOCAL_DIR / "secret_key"
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        with path.open("x") as file:
            path.chmod(0o600)
            file.write(secrets.token_urlsafe(50))
    except FileExistsError:
        pass
    return path.read_text()


SECRET_KEY = _secret_key()
# Encrypts provider keys at rest; the secret key where it is not set.
ENCRYPTION_KEYS: list[str] = env.names("ENCRYPTION_KEYS") or [SECRET_KEY]

DEBUG = env.flag("DEBUG")
SITE_URL = env.site_address("SITE_URL", default="http://localhost:8000" if PRIVATE else "")
SITE_HTTPS = SITE_URL.startswith("https://")
_SITE_HOST = urlsplit(SITE_URL).hostname or ""
ALLOWED_HOSTS: list[str] = env.names("ALLOWED_HOSTS") or (
    ["localhost", "127.0.0.1", "[::1]", _SITE_HOST] if PRIVATE else [_SITE_HOST]
)
# Front page, features and prices for strangers; off, they are asked to sign in.
PUBLIC_SITE = env.flag("PUBLIC_SITE", default=True)
# The operator's own pages, in place of the placeholders that come with the product.
PRIVACY_URL = env.link("PRIVACY_URL")
TERMS_URL = env.link("TERMS_URL")
CSRF_FAILURE_VIEW = "config.errors.forged"
CSRF_TRUSTED_ORIGINS = [f"{urlsplit(SITE_URL).scheme}://{urlsplit(SITE_URL).netloc}"]

INSTALLED_APPS = [
    "orgs.apps.OperatorsConfig",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "config.apps.ServedFilesConfig",
    "django.contrib.postgres",
    "django.contrib.humanize",
    "django.contrib.sitemaps",
    "rest_framework",
    "drf_spectacular",
    "allauth",
    "allauth.account",
    "allauth.mfa",
    "allauth.socialaccount",
    "allauth.socialaccount.providers.google",
    "allauth.socialaccount.providers.openid_connect",
    "allauth.usersessions",
    "anymail",
    "csp",
    "django_celery_beat",
    "django_htmx",
    "hijack",
    "waffle",
    "accounts",
    "orgs",
    "billing",
    "prompts",
    "scans",
    "knowledge",
    "config",
]
if TESTING:
    INSTALLED_APPS.append("zeal")

MIDDLEWARE = [
    "config.health.Probes",
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "config.compression.Compressed",
    "csp.middleware.CSPMiddleware",
    "config.sizes.Bounded",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "accounts.preferences.Preferences",
    "accounts.presence.Presence",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "hijack.middleware.HijackUserMiddleware",
    "orgs.impersonation.Watch",
    "accounts.sessions.LastUse",
    "accounts.refusal.RefusedForms",
    "allauth.account.middleware.AccountMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
    "config.outages.Outages",
]

ROOT_URLCONF = "config.urls"
WSGI_APPLICATION = "config.wsgi.application"
ASGI_APPLICATION = "config.asgi.application"

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "builtins": ["django.templatetags.i18n", "orgs.templatetags.ui", "orgs.templatetags.pieces"],
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "prompts.shell.shell",
            ],
        },
    }
]

DATABASES: dict[str, dict[str, Any]] = {"default": env.database(DATABASE_URL)}
DATABASE_POOL = env.flag("DATABASE_POOL", default=not TESTING)
DATABASES["default"].setdefault("OPTIONS", {})
# A database machine that is gone without a word is noticed while a statement waits for it.
DATABASES["default"]["OPTIONS"] = {
    "keepalives_idle": 10,
    "keepalives_interval": 5,
    "keepalives_count": 3,
    "tcp_user_timeout": 30_000,
    **DATABASES["default"]["OPTIONS"],
}
if DATABASE_POOL:
    DATABASES["default"]["OPTIONS"]["pool"] = {
        "min_size": 1,
        "max_size": env.integer("DATABASE_POOL_SIZE", default=16, least=1),
        "timeout": 10,
    }
DATABASES["default"]["CONN_HEALTH_CHECKS"] = not DATABASE_POOL
DATABASES["default"].setdefault("TEST", {})["TEMPLATE"] = "template1"

# Redis that does not even refuse keeps no page waiting for longer.
_PATIENCE = {"socket_connect_timeout": 1, "socket_timeout": 1}
_REDIS_CACHE = "django.core.cache.backends.redis.RedisCache"
CACHES = {"default": {"BACKEND": _REDIS_CACHE, "LOCATION": REDIS_URL, "OPTIONS": _PATIENCE}}

DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
AUTH_USER_MODEL = "accounts.User"
SILENCED_SYSTEM_CHECKS = ["auth.W004"]  # e-mail addresses are unique in lower case, by a constraint
AUTHENTICATION_BACKENDS = ["allauth.account.auth_backends.AuthenticationBackend"]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator", "OPTIONS": {"min_length": 10}},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
    {"NAME": "django.contrib.auth.password_validation.NumericPasswordValidator"},
]
CHECK_BREACHED_PASSWORDS = env.flag("CHECK_BREACHED_PASSWORDS", default=not (PRIVATE or TESTING))
BREACHED_PASSWORDS_URL = "https://api.pwnedpasswords.com/range/"
PWNED_PASSWORDS = {"API_TIMEOUT": 1.5}
if CHECK_BREACHED_PASSWORDS:
    AUTH_PASSWORD_VALIDATORS.append({"NAME": "accounts.passwords.BreachedPasswordValidator"})
if TESTING:
    PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]

LOGIN_URL = "account_login"
LOGIN_REDIRECT_URL = "home"
ACCOUNT_ADAPTER = "accounts.adapter.AccountAdapter"
ACCOUNT_USER_MODEL_USERNAME_FIELD = None
ACCOUNT_LOGIN_METHODS = {"email"}
ACCOUNT_SIGNUP_FIELDS = ["email*", "password1*"]
ACCOUNT_FORMS = {"signup": "accounts.forms.SignupForm", "reset_password": "accounts.forms.ResetPasswordForm"}
ACCOUNT_EMAIL_VERIFICATION = "mandatory"
ACCOUNT_PREVENT_ENUMERATION = True
ACCOUNT_DEFAULT_HTTP_PROTOCOL = urlsplit(SITE_URL).scheme
ACCOUNT_LOGIN_ON_EMAIL_CONFIRMATION = True
ACCOUNT_CHANGE_EMAIL = True
ACCOUNT_EMAIL_NOTIFICATIONS = True
ACCOUNT_EMAIL_SUBJECT_PREFIX = ""
ACCOUNT_REAUTHENTICATION_REQUIRED = True
ACCOUNT_LOGOUT_REDIRECT_URL = "account_login"
ACCOUNT_SESSION_REMEMBER = True
# Per address of the caller (see TRUSTED_PROXIES), and per account where the caller has many.
ACCOUNT_RATE_LIMITS = {
    "signup": "10/m/ip,60/h/ip",
    "login": "30/m/ip",
    "login_failed": "10/m/ip,10/10m/key",
    "reset_password": "10/m/ip,3/10m/key",
}
PASSWORD_RESET_TIMEOUT = 3 * 24 * 3600
MFA_ADAPTER = "accounts.factors.FactorAdapter"
MFA_FORMS = {
    "add_webauthn": "accounts.forms.AddPasskeyForm",
    "edit_webauthn": "accounts.forms.RenamePasskeyForm",
    "authenticate_webauthn": "accounts.forms.UsePasskeyForm",
    "login_webauthn": "accounts.forms.LoginByPasskeyForm",
    "reauthenticate_webauthn": "accounts.forms.ConfirmByPasskeyForm",
}
MFA_ALLOW_UNVERIFIED_EMAIL = True  # nobody gets in without a confirmed address; a second one waits while it changes
MFA_SUPPORTED_TYPES = ["totp", "webauthn", "recovery_codes"]
MFA_PASSKEY_LOGIN_ENABLED = True
MFA_TOTP_ISSUER = "Prompter"
MFA_TOTP_TOLERANCE = 1  # a clock may be half a minute off
MFA_WEBAUTHN_ALLOW_INSECURE_ORIGIN = not SITE_HTTPS  # browsers offer passkeys over plain HTTP on localhost alone

SOCIALACCOUNT_ADAPTER = "accounts.social.SocialAdapter"
SOCIALACCOUNT_EMAIL_AUTHENTICATION = False
SOCIALACCOUNT_STORE_TOKENS = False
SOCIALACCOUNT_PROVIDERS: dict[str, dict[str, Any]] = env.sign_in_services()

_MAILER = "anymail.backends.postmark.EmailBackend" if env.text("POSTMARK_SERVER_TOKEN") else ""
EMAIL_BACKEND = env.text("EMAIL_BACKEND", default=_MAILER or "django.core.mail.backends.console.EmailBackend")
EMAIL_FILE_PATH = env.text("EMAIL_FILE_PATH") or None
EMAIL_HOST = env.text("EMAIL_HOST", default="localhost")
EMAIL_PORT = env.integer("EMAIL_PORT", default=25, least=1)
EMAIL_HOST_USER = env.text("EMAIL_HOST_USER")
EMAIL_HOST_PASSWORD = env.text("EMAIL_HOST_PASSWORD")
EMAIL_USE_TLS = env.flag("EMAIL_USE_TLS")
EMAIL_TIMEOUT = 15
DEFAULT_FROM_EMAIL = env.text("DEFAULT_FROM_EMAIL", default="Prompter <prompter@localhost>")
ANYMAIL = {"POSTMARK_SERVER_TOKEN": env.text("POSTMARK_SERVER_TOKEN")}

LANGUAGE_CODE = "en"
LANGUAGES = [("en", "English"), ("de", "Deutsch")]
LOCALE_PATHS = [BASE_DIR / "locale"]
HIJACK_PERMISSION_CHECK = "orgs.impersonation.may_impersonate"
WAFFLE_FLAG_MODEL = "orgs.Flag"
TIME_ZONE = "UTC"
USE_I18N = True
USE_TZ = True

STATIC_URL = "/static/"
# A private installation serves the sources as they are: compressing them takes longer than its first scan.
PLAIN_STATIC = DEBUG or TESTING or PRIVATE
STATIC_ROOT = None if PLAIN_STATIC else BASE_DIR / "staticfiles"
STATICFILES_DIRS = [BASE_DIR / "static"]
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {
        "BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"
        if PLAIN_STATIC
        else "whitenoise.storage.CompressedManifestStaticFilesStorage"
    },
}
WHITENOISE_USE_FINDERS = PLAIN_STATIC
WHITENOISE_AUTOREFRESH = False

SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = SECURE_SSL_REDIRECT = SITE_HTTPS
SECURE_HSTS_SECONDS = 31_536_000 if SITE_HTTPS else 0
SECURE_HSTS_INCLUDE_SUBDOMAINS = SECURE_HSTS_PRELOAD = SITE_HTTPS
SECURE_REFERRER_POLICY = "same-origin"
if env.flag("TRUST_PROXY"):
    SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
    # Limits on attempts and the audit trail go by the address that this many proxies wrote down.
    ALLAUTH_TRUSTED_PROXY_COUNT = env.integer("TRUSTED_PROXIES", default=1, least=1)
CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": [NONE],
        "script-src": [SELF],
        "style-src": [SELF],
        "img-src": [SELF, "data:"],
        "font-src": [SELF],
        "connect-src": [SELF],
        "manifest-src": [SELF],
        "form-action": [SELF],
        "base-uri": [NONE],
        "frame-ancestors": [NONE],
    }
}
DATA_UPLOAD_MAX_MEMORY_SIZE = 10 * 1024 * 1024
REQUEST_MAX_BYTES = 12 * 1024 * 1024  # with everything that a form sends around its file

REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": ["rest_framework.authentication.SessionAuthentication"],
    "DEFAULT_PERMISSION_CLASSES": ["rest_framework.permissions.IsAuthenticated"],
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_PARSER_CLASSES": ["rest_framework.parsers.JSONParser"],
    "DEFAULT_SCHEMA_CLASS": "drf_spectacular.openapi.AutoSchema",
}
SPECTACULAR_SETTINGS = {
    "TITLE": "Prompter",
    "VERSION": "1",
    "SERVE_INCLUDE_SCHEMA": False,
    "ENUM_NAME_OVERRIDES": {
        "ScanStatus": "scans.models.Scan.Status",
        "AnswerStatus": "scans.models.Answer.Status",
        "Role": "orgs.roles.Role",
        "GivenRole": "orgs.api.GIVEN",
    },
}

# Providers. Keys are for every organization that has none of its own; unset means that a provider is not offered.
OPENAI_API_KEY = env.text("OPENAI_API_KEY")
ANTHROPIC_API_KEY = env.text("ANTHROPIC_API_KEY")
GOOGLE_API_KEY = env.text("GOOGLE_API_KEY")
PERPLEXITY_API_KEY = env.text("PERPLEXITY_API_KEY")
# Root of a provider simulator; while it is set, providers without a key are simulated and labelled so.
SIMULATOR_URL = env.text("SIMULATOR_URL")
# JSON list of OpenAI-compatible servers: [{"name": "local", "base_url": "...", "model": "...", "api_key": "..."}]
OPENAI_COMPATIBLE: list[dict[str, str]] = env.servers("OPENAI_COMPATIBLE")
LLM_REQUESTS_PER_MINUTE: dict[str, int] = {
    "openai": env.integer("OPENAI_REQUESTS_PER_MINUTE", default=5_000, least=1),
    "google": env.integer("GOOGLE_REQUESTS_PER_MINUTE", default=10, least=1),
    "anthropic": env.integer("ANTHROPIC_REQUESTS_PER_MINUTE", default=50, least=1),
    "perplexity": env.integer("PERPLEXITY_REQUESTS_PER_MINUTE", default=50, least=1),
    "compatible": env.integer("COMPATIBLE_REQUESTS_PER_MINUTE", default=600, least=1),
    "simulated": env.integer("SIMULATED_REQUESTS_PER_MINUTE", default=6_000, least=1),
}
LLM_TOKENS_PER_MINUTE: dict[str, int] = {
    "openai": env.integer("OPENAI_TOKENS_PER_MINUTE", default=2_000_000, least=1),
    "google": env.integer("GOOGLE_TOKENS_PER_MINUTE", default=250_000, least=1),
    "anthropic": env.integer("ANTHROPIC_TOKENS_PER_MINUTE", default=450_000, least=1),
    "perplexity": env.integer("PERPLEXITY_TOKENS_PER_MINUTE", default=500_000, least=1),
    "compatible": env.integer("COMPATIBLE_TOKENS_PER_MINUTE", default=2_000_000, least=1),
    "simulated": env.integer("SIMULATED_TOKENS_PER_MINUTE", default=40_000_000, least=1),
}
# Per key and model too: calls in flight, and what one of the provider's days may take. A name that is missing has none.
LLM_CONCURRENCY = env.counts("LLM_CONCURRENCY", known=LLM_REQUESTS_PER_MINUTE)
LLM_REQUESTS_PER_DAY = env.counts("LLM_REQUESTS_PER_DAY", known=LLM_REQUESTS_PER_MINUTE)
LLM_TOKENS_PER_DAY = env.counts("LLM_TOKENS_PER_DAY", known=LLM_REQUESTS_PER_MINUTE)
# Answers an organization may ask for in a calendar month; 0 means no limit.
MONTHLY_ANSWERS = env.integer("MONTHLY_ANSWERS", default=0)
# Organizations that one person may found in a day; 0 means no limit.
ORGANIZATIONS_PER_DAY = env.integer("ORGANIZATIONS_PER_DAY", default=5)
# Invitations an organization, and a person over all of theirs, may send in a day.
INVITATIONS_PER_DAY = env.integer("INVITATIONS_PER_DAY", default=50, least=1)
# Months that scans are kept; 0 keeps them for ever. Operators can set others for an organization.
RETENTION_MONTHS = env.integer("RETENTION_MONTHS", default=0)
# Days in which owners can take back that their organization is deleted.
ORG_DELETION_GRACE_DAYS = env.integer("ORG_DELETION_GRACE_DAYS", default=14, least=1)
# A worker that is alive renews what it holds three times in as long.
SCAN_LEASE_SECONDS = env.integer("SCAN_LEASE_SECONDS", default=20, least=1)
SCAN_DEADLINE_HOURS = env.integer("SCAN_DEADLINE_HOURS", default=48, least=1)
# Seconds that a transaction may do nothing before the database ends it: whoever holds locks that others wait for is
# stopped, or gone. Less than a lease, so that nobody loses one by waiting.
TRANSACTION_IDLE_SECONDS = max(5.0, SCAN_LEASE_SECONDS / 2)
# Answers that one worker process asks at a time.
SCAN_CONCURRENCY = env.integer("SCAN_CONCURRENCY", default=400, least=1)
# Answers of one organization that all worker processes together ask and store at a time: a little more than one asks.
SCAN_ORG_CONCURRENCY = env.integer("SCAN_ORG_CONCURRENCY", default=500, least=1)
# Hours that a provider's batch has for the answers of an economy scan, before they are asked live.
SCAN_BATCH_HOURS = env.integer("SCAN_BATCH_HOURS", default=12, least=1)

# What is fetched from addresses that people type: these ports, and of this machine nothing but the sites named here.
OUTBOUND_PORTS = env.ports("OUTBOUND_PORTS", default="80,443")
OUTBOUND_ALLOW_PRIVATE = env.loopback_sites("OUTBOUND_ALLOW_PRIVATE")

# Whether operators must have confirmed a second factor in their session. Nobody else reaches a private installation.
OPERATORS_REQUIRE_MFA = env.flag("OPERATORS_REQUIRE_MFA", default=not PRIVATE)

# The web server's processes and the threads of each.
WEB_CONCURRENCY = env.integer("WEB_CONCURRENCY", default=min(4, os.cpu_count() or 1), least=1)
WEB_THREADS = env.integer("WEB_THREADS", default=8, least=1)
WEB_MAX_REQUESTS = env.integer("WEB_MAX_REQUESTS", default=0)

CELERY_BROKER_URL = REDIS_URL

LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"line": {"format": "%(asctime)s %(levelname)s %(name)s %(message)s"}},
    "handlers": {"console": {"class": "logging.StreamHandler", "formatter": "line"}},
    "root": {"handlers": ["console"], "level": env.level("LOG_LEVEL", default="WARNING" if TESTING else "INFO")},
    "loggers": {name: {"level": "WARNING"} for name in ("httpx", "httpx2", "google_genai")},
}
