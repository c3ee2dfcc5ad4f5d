"""The agents and action types that ship with the desk; each is an example of a pattern."""

from agents.handlers import (  # noqa: F401  importing them declares them
    mail_archive,
    mail_forward,
    mail_reply,
    question_ask,
    report_gather,
    report_plan,
    report_release,
    route_question,
    transcript,
)
from agents.shipped import inbox, replay, report  # noqa: F401
