"""Security keys on pages: their scripts, and what the browser is asked, as an attribute."""

from __future__ import annotations

import json
from typing import Any

from django import template
from django.core.serializers.json import DjangoJSONEncoder
from django.templatetags.static import static
from django.utils.html import format_html
from django.utils.safestring import SafeString

register = template.Library()


@register.simple_tag
def passkey_scripts() -> SafeString:
    """allauth's converter of keys to JSON, then ours; both are files, as the policy asks."""
    return format_html(
        '<script src="{}" defer></script><script src="{}" defer></script>',
        static("mfa/js/webauthn-json.js"),
        static("js/passkeys.js"),
    )


@register.simple_tag
def as_json(value: Any) -> str:
    return json.dumps(value, cls=DjangoJSONEncoder)
