"""JSON that somebody typed into a form: read strictly, and shown again as it was typed."""

from __future__ import annotations

import json
from typing import Any

from django import forms
from django.forms.fields import InvalidJSONInput


def read_json(text: str) -> Any:
    """The value. ValidationError for what is no JSON, or what no database of ours could hold."""
    try:
        value = json.loads(text)
        plain = json.dumps(value, ensure_ascii=False, allow_nan=False)
        plain.encode()
    except RecursionError:
        raise forms.ValidationError("This is nested too deeply.") from None
    except UnicodeEncodeError:
        raise forms.ValidationError("This holds half a character (a lone surrogate).") from None
    except ValueError as error:
        raise forms.ValidationError(f"This is not JSON: {error}") from error
    if "\\u0000" in plain.replace("\\\\", ""):
        raise forms.ValidationError("This holds a NUL, which no text here can hold.")
    return value


class StrictJSON(forms.JSONField):
    """Django's field, but strict; a refused text stands in the form as it was typed, not as it was understood."""

    def to_python(self, value: Any) -> Any:
        if self.disabled or value in self.empty_values or not isinstance(value, str):
            return super().to_python(value)
        return read_json(value)

    def bound_data(self, data: Any, initial: Any) -> Any:
        return initial if self.disabled else InvalidJSONInput(data or "")
