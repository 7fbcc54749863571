"""What a user writes, validated and hashed, and the words that all stages share."""
