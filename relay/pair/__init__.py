"""The other relay center: what it says of itself and sees, how that compares, and core calls through it."""
