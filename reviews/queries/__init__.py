"""Reads for the desk's pages: what the queue shows, counts, one item in detail. Nothing here writes."""
