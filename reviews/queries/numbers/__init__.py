"""What the insight pages count. Every read is bounded: a stretch of time, and within it the newest `MOST` rows."""

from reviews.queries.numbers.window import MOST, Window

__all__ = ["MOST", "Window"]
