"""The insight pages as figures: each a table with its picture. Reads come from `queries.numbers`."""
