"""Estimators, mitigation, and model files that hold no code."""
