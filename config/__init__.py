"""Settings, processes and roles of one installation; the only place that knows all three apps."""
