"""Reconciliation: the journal against the core's ledger listing, and a report that a person signs."""
