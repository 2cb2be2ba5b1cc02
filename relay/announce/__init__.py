"""Which center serves: when the service address is announced, by whom, and who is told."""
