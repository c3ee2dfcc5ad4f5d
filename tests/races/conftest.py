"""Every race runs with a role of its own in each thread."""

from tests.races.arena import _role_of_each_thread

__all__ = ["_role_of_each_thread"]
