"""What mypy's Django plugin reads: the product's settings, without a database behind them."""

from __future__ import annotations

import os

os.environ["DATABASE_URL"] = "postgresql://127.0.0.1:5432/types"

from config.settings import *  # noqa: F403  the environment must be set before
