"""What the relay shows of itself: metrics, logs, masking."""
