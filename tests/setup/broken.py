"""A module of agents with a mistake in it."""

TYPES = 1 / 0
