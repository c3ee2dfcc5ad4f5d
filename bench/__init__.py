"""Measurements: a module per figure, each with a command of its own (`python -m bench.lease`)."""
