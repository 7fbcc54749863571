"""Read, validate, split and screen: what happens to data before anything is trained."""
