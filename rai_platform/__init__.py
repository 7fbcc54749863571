"""A responsible-ML platform on Dagster assets."""
