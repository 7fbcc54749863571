"""What runs in environments of its own, beside the platform."""
