"""F17: messages in the broker that the desk did not send. A worker may die of one; nothing else happens."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.faults.bells import hostile, push, taken
from tests.faults.show import Show

pytestmark = pytest.mark.timeout(200)
IN_MAKE_TEST = ("pickle", "an object as body", "nothing")
NAMES = (
    "pickle", "unknown task", "built-in task", "a dict as argument", "an object as body", "a body that is no JSON",
    "five megabytes", "due in the year 9999", "a limit of a billion", "no headers", "an empty object",
    "no JSON at all", "nothing", "deep",
)  # fmt: skip


def attack(show: Show, names: tuple[str, ...]) -> None:
    messages = hostile(show.stage)
    assert set(NAMES) == set(messages)
    for name in names:
        push(show.stage, messages[name])
    died: list[str] = []

    def struck() -> bool:
        """Taken and dropped, or taken and the worker is gone: some come back and end the next one too."""
        died.extend(show.stage.revive())
        return bool(died) or taken(show.stage)

    show.stage.until(struck, 90, f"the executors to take {names}")
    made = show.perform(6, ["play.safe"])
    show.rest()
    assert show.states(made) == {"succeeded": 6}
    assert not (show.stage.base / "pwned").exists(), "a message was unpickled"
    show.judge()


@pytest.fixture(autouse=True)
def clean(show: Show) -> Iterator[None]:
    """What a test left in the broker does not strike the next one."""
    yield
    with show.stage.admin() as admin:
        admin.flushall()
    show.stage.revive()


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
def test_each_hostile_message_causes_no_effect_and_the_rest_is_carried_out(show: Show, name: str) -> None:
    attack(show, (name,))


@pytest.mark.slow
def test_all_hostile_messages_at_once(show: Show) -> None:
    attack(show, NAMES)
