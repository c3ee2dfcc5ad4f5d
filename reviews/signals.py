"""News for those above the desk: ids only, sent after the commit."""

from django.dispatch import Signal

# Arguments: actions (list of action ids). Sent once per transaction that changed states.
action_changed = Signal()
