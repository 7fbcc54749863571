"""SHAP attributions: what moves the score, for everybody and by group."""
