"""Sign-in by an OpenID Connect provider, where one is set up."""

from __future__ import annotations

import hashlib
from typing import Any

from config.env import Env

APP = "allauth.socialaccount.providers.openid_connect"


def apps(env: Env) -> tuple[str, ...]:
    """Only web talks to providers; every other process is spared what that needs."""
    return (APP,) if env.oidc_issuer and env.role == "web" else ()


def providers(env: Env) -> dict[str, Any]:
    """The provider, named after its issuer: with another issuer the same subject is somebody else."""
    if not apps(env):
        return {}
    issuer = str(env.oidc_issuer)
    app = {
        "provider_id": identity_of(issuer),
        "name": env.oidc_name,
        "client_id": env.oidc_client_id,
        "secret": env.oidc_client_secret,
        "settings": {"server_url": issuer, "fetch_userinfo": False},
    }
    return {"openid_connect": {"APPS": [app], "OAUTH_PKCE_ENABLED": True, "SCOPE": ["openid"]}}


def identity_of(issuer: str) -> str:
    return "oidc-" + hashlib.sha256(issuer.encode()).hexdigest()[:16]
