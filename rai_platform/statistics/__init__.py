"""Intervals and bounds: arithmetic on counts, without a word about models or people."""
