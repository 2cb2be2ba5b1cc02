"""The exchange: the life of one message through the relay."""
