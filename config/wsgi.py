"""What gunicorn serves, always under the login `web`."""

from __future__ import annotations

import os

os.environ["ASSENTRY_ROLE"] = os.environ.get("ASSENTRY_ROLE") or "web"
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")

from django.core.wsgi import get_wsgi_application

application = get_wsgi_application()

from config.guard import ensure_login_is_safe  # noqa: E402  needs the apps

ensure_login_is_safe()
