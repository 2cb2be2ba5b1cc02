"""Closed business dates in files of their own: written, read back, durable; only then do their bodies leave the journal."""
