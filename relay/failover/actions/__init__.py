"""What a step of a failover run does to the world: one protocol, a module per kind of outside world."""
