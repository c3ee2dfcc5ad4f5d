"""The whole path on real conversations, with every real process; `make journey` runs it."""
