"""Celery's settings for the two doorbells, desk and agent. PostgreSQL is the truth; these only ring.

A message names one known queue and nothing else. There is no result backend, no countdown, no retry
and no beat: time lives in columns, attempts are counted by PostgreSQL, schedules belong to the keeper.
"""

from __future__ import annotations

from typing import Any, Literal

from config.env import Env
from config.logins import broker_url
from config.profiles import Timings

Doorbell = Literal["desk", "agent"]
USERS: dict[str, dict[Doorbell, str]] = {
    "executor": {"desk": "executor"},
    "agent": {"agent": "agent"},
    "router": {"desk": "router", "agent": "router"},
}


def doorbells(env: Env, timings: Timings) -> dict[str, dict[str, Any]]:
    """The doorbells that this process may touch; none for web, which never talks to Redis."""
    if env.redis_url is None:
        return {}
    return {bell: celery_settings(env, timings, bell, user) for bell, user in USERS.get(env.role, {}).items()}


def celery_settings(env: Env, timings: Timings, bell: Doorbell, user: str) -> dict[str, Any]:
    """One Celery app's configuration. Seconds throughout."""
    desk = bell == "desk"
    return {
        "broker_url": broker_url(env, user),
        "result_backend": None,
        "task_ignore_result": True,
        "task_store_errors_even_if_ignored": False,
        "accept_content": ["json"],
        "task_serializer": "json",
        "result_serializer": "json",
        "result_accept_content": ["json"],
        "task_acks_late": False,
        "task_reject_on_worker_lost": False,
        "worker_prefetch_multiplier": 1,
        "worker_disable_prefetch": True,
        "task_publish_retry": False,
        "broker_connection_timeout": 2,
        "broker_connection_retry_on_startup": True,
        "broker_connection_max_retries": None,
        "broker_transport_options": transport(f"{bell}:", timings.visibility if desk else timings.agent_visibility),
        "task_soft_time_limit": timings.soft if desk else timings.agent_soft,
        "task_time_limit": timings.hard if desk else timings.agent_hard,
        "worker_max_tasks_per_child": 500,
        "worker_soft_shutdown_timeout": 5,
        "task_create_missing_queues": False,
        "task_default_queue": f"{bell}.doorbell",
        "worker_enable_remote_control": False,
        "worker_send_task_events": False,
        "worker_hijack_root_logger": False,
        "timezone": "UTC",
    }


def transport(prefix: str, visibility: float) -> dict[str, Any]:
    """Options of the Redis transport."""
    return {
        "visibility_timeout": visibility,
        "socket_timeout": 5,
        "socket_connect_timeout": 2,
        "socket_keepalive": True,
        "health_check_interval": 5,
        "retry_on_timeout": False,
        "queue_order_strategy": "round_robin",
        "global_keyprefix": prefix,
        "unacked_restore_interval": 5,
        "unacked_restore_throttle": 1,
    }
