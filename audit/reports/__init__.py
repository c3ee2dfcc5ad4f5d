"""The reports that the record can give by itself; those about the desk's rows are registered by the desk."""

from audit import registry
from audit.reports import access, cases, changes, integrity, trail

OWN = (*cases.REPORTS, *changes.REPORTS, *access.REPORTS, *integrity.REPORTS, *trail.REPORTS)


def register() -> None:
    """Called once, when the app is ready."""
    for report in OWN:
        registry.register_report(report)
