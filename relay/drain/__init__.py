"""Sessions taken out of service by stages and class, and put back."""
