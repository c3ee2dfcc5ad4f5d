"""How Django writes dates where the desk's own filters do not: in the administration."""
