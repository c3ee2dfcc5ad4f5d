"""What the stage's processes load: the types and agents of `tests/play.py`; a wrong clock where one is wanted."""

import os

from tests import play

if seconds := os.environ.get("ASSENTRY_TEST_CLOCK"):
    import datetime as dt

    import time_machine

    # From here on this process believes in another time; the database does not.
    time_machine.travel(dt.datetime.now(dt.UTC) + dt.timedelta(seconds=int(seconds))).start()
    play.strike("clock")

play.declare()
