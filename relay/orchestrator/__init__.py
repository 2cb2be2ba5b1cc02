"""The failover orchestrator as a process of its own: wiring, its sockets, and what it asks of the relays of both centers."""
