"""The handlers that ship, one file per action type: payload model, execute, probe, undo."""

from agents.effects import Answer, EffectContext, NotDone

__all__ = ["Answer", "EffectContext", "NotDone"]
