"""The real relay code on virtual time: simulated wires, core and disk, faults from a seed, invariants after every step."""
