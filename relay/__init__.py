"""The relay: holds terminal sessions, makes their messages durable, asks the core in the active region, answers."""

__version__ = "0.1.0"  # as in pyproject.toml; a test compares
