"""Two models on the same people: what changes when one takes the place of the other."""
