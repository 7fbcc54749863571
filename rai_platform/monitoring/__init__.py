"""What becomes of a model in production: counts of time windows, how far they moved, and alarms that stay valid at every look."""
