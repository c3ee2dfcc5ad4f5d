"""The only writers of runs. One verb, one function; errors are those of `reviews.errors`."""

from agents.journal import Row
from agents.services.running import (
    ActionEnd,
    Held,
    RunEnd,
    Wait,
    action_ends,
    advanced,
    append_entry,
    block_run,
    continue_run,
    fail_run,
    finish_run,
    give_back,
    lease_run,
    park_run,
    read_journal,
    renew_run,
    run_ends,
    start_child,
)
from agents.services.starting import cancel_run, fork_run, start_run, wake_runs, withdraw_open
from agents.services.syncing import sync_registry

__all__ = [
    "ActionEnd",
    "Held",
    "Row",
    "RunEnd",
    "Wait",
    "action_ends",
    "advanced",
    "append_entry",
    "block_run",
    "cancel_run",
    "continue_run",
    "fail_run",
    "finish_run",
    "fork_run",
    "give_back",
    "lease_run",
    "park_run",
    "read_journal",
    "renew_run",
    "run_ends",
    "start_child",
    "start_run",
    "sync_registry",
    "wake_runs",
    "withdraw_open",
]
