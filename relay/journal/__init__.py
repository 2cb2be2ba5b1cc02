"""The journal: what makes a message durable before it is visible."""
