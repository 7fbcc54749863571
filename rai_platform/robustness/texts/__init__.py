"""Text classifiers under attack, with TextAttack's recipes."""
