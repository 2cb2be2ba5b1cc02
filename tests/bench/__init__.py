"""Benches: ratios measured in one run, by hand and by CI in a short form. A timing is never a pass/fail test."""
