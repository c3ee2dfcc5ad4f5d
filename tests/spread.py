"""Which tests stay together when several workers share them: those of files that build one expensive stage.

xdist 3.8 writes the groups of its own marker into an attribute of items that pytest 9.2 no longer reads.
"""

from __future__ import annotations

from xdist.scheduler import LoadScopeScheduling

# The first prefix that fits names the stage; an empty name is the file itself.
STAGES = (
    ("tests/browser/test_the_25_checks_crash.py", "faults"),
    ("tests/browser/test_the_25_checks_", "checks"),
    ("tests/browser/test_item_page.py", "checks"),
    ("tests/browser/test_shell.py", "shell"),
    ("tests/browser/test_keystrokes.py", "shell"),
    ("tests/browser/", ""),
    ("tests/faults/", "faults"),
    ("tests/worker/", "faults"),
    ("tests/journey/", ""),
)


class ByStage(LoadScopeScheduling):
    """Stages go to one worker each, the largest first; every other test goes wherever there is room."""

    def _split_scope(self, nodeid: str) -> str:
        file = nodeid.partition("::")[0]
        return next((stage or file for prefix, stage in STAGES if file.startswith(prefix)), nodeid)
