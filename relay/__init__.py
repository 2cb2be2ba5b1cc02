"""The relay: holds terminal sessions, makes their messages durable, asks the core in the active region, answers."""
