"""Which region is active."""
