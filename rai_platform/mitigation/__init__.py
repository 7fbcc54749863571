"""Mitigated against unmitigated, on the same people: what the mitigation bought, and at what price."""
