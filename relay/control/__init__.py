"""The unix socket that people and tools talk to."""
