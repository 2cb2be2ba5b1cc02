"""The lease of an exclusive line: one relay center at a time speaks on it."""
