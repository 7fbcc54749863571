"""Drills: made-up traffic with an incident in it, against a copy of production, to see that it is noticed and what is done."""
