"""TCP links, dumb on purpose."""
