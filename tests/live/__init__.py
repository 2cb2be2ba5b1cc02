"""Real processes and sockets: the daemon as systemd would run it, killed, drained, fed with garbage."""
