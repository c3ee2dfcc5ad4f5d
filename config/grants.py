"""Rights on the tables of Django itself and of django-axes: people sign in through `web` alone."""

from __future__ import annotations

from typing import NamedTuple


class Grant(NamedTuple):
    roles: str
    object: str
    privileges: str


EVERYBODY = "web router agent executor sequencer auditor"

GRANTS = [
    Grant(EVERYBODY, "SCHEMA public", "USAGE"),
    Grant("web", "django_session", "SELECT INSERT UPDATE DELETE"),
    Grant("web", "django_admin_log", "SELECT INSERT"),
    Grant("web", "django_content_type", "SELECT"),
    Grant("web", "auth_group", "SELECT INSERT UPDATE DELETE"),
    Grant("router", "auth_group", "SELECT"),  # the team that policy names for what is late
    Grant("web", "auth_permission", "SELECT"),
    Grant("web", "auth_group_permissions", "SELECT INSERT UPDATE DELETE"),
    Grant("web", "axes_accessattempt", "SELECT INSERT UPDATE DELETE"),
    Grant("web", "axes_accessattemptexpiration", "SELECT INSERT UPDATE DELETE"),
    Grant("web", "axes_accessfailurelog", "SELECT INSERT DELETE"),
    Grant("web", "axes_accesslog", "SELECT INSERT UPDATE"),
    # Second factors, addresses and outside identities, all of django-allauth.
    Grant("web", "mfa_authenticator", "SELECT INSERT UPDATE DELETE"),
    Grant("web", "account_emailaddress", "SELECT INSERT UPDATE DELETE"),
    Grant("web", "socialaccount_socialaccount", "SELECT INSERT UPDATE DELETE"),
    Grant("web", "socialaccount_socialapp", "SELECT"),
    Grant("web", "socialaccount_socialtoken", "SELECT DELETE"),  # none is kept; removing an identity looks for them
    Grant("web", "desk_cache", "SELECT INSERT UPDATE DELETE"),
    Grant(EVERYBODY, "django_migrations", "SELECT"),
]

# Whoever reads a session's key, a one-time code's secret or an identity provider's can be somebody else.
HIDDEN_FROM_AUDITOR = (
    "django_session",
    "desk_cache",
    "mfa_authenticator",
    "account_emailconfirmation",
    "socialaccount_socialapp",
    "socialaccount_socialtoken",
)
