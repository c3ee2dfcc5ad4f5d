"""One file per action type, all the same shape: the payload's model, execute, and probe and undo where they exist.

Only executors call them, and secrets are read when called, never when imported.
"""

from agents.effects import Answer, EffectContext, NotDone

__all__ = ["Answer", "EffectContext", "NotDone"]
