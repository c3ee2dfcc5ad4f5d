"""A payload as form fields made from its JSON Schema, and back with every type kept. Pure.

What the form does not show is carried over unchanged. A value that does not
fit is handed on as it was typed, so that the type's own check names the path.
Rows of lists, optional parts and kinds of a union are changed by buttons that
send the form: it works without a script.
"""

from reviews.schema_form.fields import Field, build
from reviews.schema_form.reading import Draft, Posted, draft, read
from reviews.schema_form.shapes import located

__all__ = ["Draft", "Field", "Posted", "build", "draft", "located", "read"]
