"""What `rai` prints and asks, apart from what it does."""
