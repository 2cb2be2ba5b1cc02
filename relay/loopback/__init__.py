"""Fake peers with their own books: a product feature, not only for tests."""
