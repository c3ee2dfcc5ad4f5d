#!/usr/bin/env python
"""Runs a command under the database login that the command needs, and no other."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable

LOGINS = {
    "migrate": "owner",
    "provision": "owner",
    "reseal": "owner",
    "rewrap": "owner",
    "keeper": "router",
    "audit_job": "router",
    "audit_prune": "router",
    "drain": "executor",
    "sequencer": "sequencer",
    "anchor": "sequencer",
    "log_reopen": "sequencer",
    "sync_registry": "web",
    "after_restore": "web",
    "seal_keys": "web",
    "audit_retention": "web",
    "seed": "web",
    "propose": "web",
    "createsuperuser": "web",
    "changepassword": "web",
    "clearsessions": "web",
    "runserver": "web",
}

GUARDED = {"keeper", "drain", "sequencer", "anchor"}


def main() -> None:
    """Everything that is not listed, `shell` included, runs as auditor: it can read and change nothing."""
    command = sys.argv[1] if len(sys.argv) > 1 else "help"
    os.environ.setdefault("ASSENTRY_ROLE", LOGINS.get(command, "auditor"))
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
    from django.core.management import execute_from_command_line  # noqa: PLC0415  the login must be set before

    if command in GUARDED and "--help" not in sys.argv:
        _check_login()
    _run(execute_from_command_line)


def _run(execute: Callable[[list[str]], None]) -> None:
    """A database that cannot be reached is said in a sentence; with --traceback, as Python says it."""
    from django.db import OperationalError  # noqa: PLC0415  the login must be set before

    try:
        execute(sys.argv)
    except OperationalError as error:
        if "--traceback" in sys.argv or getattr(error.__cause__, "sqlstate", None):
            raise
        from config.env import BadSettings  # noqa: PLC0415  only now is it needed
        from config.guard import unreachable  # noqa: PLC0415  needs the apps

        raise BadSettings(unreachable(error)) from None


def _check_login() -> None:
    """The long-running commands live below config and cannot ask for the start-up check themselves."""
    import django  # noqa: PLC0415  the login must be set before

    from config.guard import ensure_login_is_safe  # noqa: PLC0415  needs the apps

    django.setup()
    ensure_login_is_safe()


if __name__ == "__main__":
    main()
