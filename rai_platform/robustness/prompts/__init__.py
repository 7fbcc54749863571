"""Prompt injection: past a classifier that guards a system, and into an endpoint that answers."""
