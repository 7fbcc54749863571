"""Counts, then metrics on counts, then bounds: what each group of people receives."""
