"""Robustness of image classifiers: attacks within a distance, corruptions, and whether to believe what they leave."""
