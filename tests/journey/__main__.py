"""python -m tests.journey TRANSCRIPTS TRUTH: from nothing to a verified log, with every real process."""

from __future__ import annotations

import argparse
import sys
import time
import traceback
from pathlib import Path

from config.desk import Failed, stopped_by_signals
from config.machine import ServerError
from config.state import own_state
from tests.journey import truth
from tests.journey.account import NOTHING
from tests.journey.travel import Broken, Journey, say
from tests.journey.truth import Material, Unusable


def travel(material: Material, state: Path) -> int:
    """The whole journey; prints its account and returns the exit code."""
    journey = Journey(material, state)
    account, verdict = NOTHING, "UNJUDGED"
    try:
        with stopped_by_signals():
            journey.start()
            journey.bring_in()
            journey.work()
            account = journey.account()
            verdict = journey.verify()
    except (Broken, Failed, ServerError, AssertionError) as error:
        journey.complaints.append(str(error))
    except KeyboardInterrupt:
        journey.complaints.append("it was interrupted")
    except Exception as error:  # noqa: BLE001  told with its trace, and the account is given all the same
        traceback.print_exc()
        journey.complaints.append(f"the journey itself broke: {type(error).__name__}: {error}")
    finally:
        journey.close()
    if verdict != "VALID":
        journey.complaints.append(f"the log is {verdict}")
    for complaint in journey.complaints:
        say(f"WRONG: {complaint}")
    say(account.line(audit=verdict, seconds=time.monotonic() - journey.began))
    return 1 if journey.complaints else 0


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="journey", description=__doc__)
    parser.add_argument("transcripts", type=Path)
    parser.add_argument("truth", type=Path)
    options = parser.parse_args(arguments)
    try:
        material = truth.read(options.transcripts, options.truth)
    except Unusable as error:
        sys.stderr.write(f"{error}\n")
        return 2
    return travel(material, own_state() / "journey")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
