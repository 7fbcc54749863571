"""The embedded models, one folder and one YAML each."""
