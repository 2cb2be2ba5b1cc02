"""NDC: the states-and-screens protocol of cash machines, spoken by an ATM that dials in and a host that loads and commands
it.
"""
