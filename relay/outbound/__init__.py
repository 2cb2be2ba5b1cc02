"""Messages that the core starts: posted to the relay, durable, in order per line, their delivery reported."""
