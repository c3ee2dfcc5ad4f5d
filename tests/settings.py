"""The product's settings on a database of the tests' own; see tests/cluster.py."""

from __future__ import annotations

from tests import cluster

cluster.set_environment()

from config.settings import *  # noqa: E402, F403  the environment must be set before

SECRET_KEY = "only-for-tests-" + "x" * 50
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
AXES_ENABLED = False
EMAIL_BACKEND = "django.core.mail.backends.locmem.EmailBackend"
ALLOWED_HOSTS = ["testserver", "127.0.0.1", "localhost"]
WHITENOISE_AUTOREFRESH = True

SUBJECT_SECRET = "a secret that only tests keep"
