"""The operator's web console: pages that are pure functions of what the relay says of itself, and one door that serves them."""
