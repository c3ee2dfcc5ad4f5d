"""Reports about the desk's own rows, registered with the record, which shows them beside its own."""

from audit import registry
from reviews.reports import coverage, explanation, oversight, register_of_decisions

OWN = (register_of_decisions.R1, oversight.R3, coverage.R4, explanation.R11)


def register() -> None:
    """Called once, when the app is ready."""
    for report in OWN:
        registry.register_report(report)
