"""What the stage's processes load: the types and agents of `tests/play.py`."""

from tests import play

play.declare()
