"""Proposes to the desk, and carries out what the desk let through."""
