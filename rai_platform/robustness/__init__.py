"""What happens to the model's work when its input is a little different."""
