"""What became of a model in production, on one page that people read who did not build it."""
