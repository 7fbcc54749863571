"""What each section of the model card holds, as values."""
