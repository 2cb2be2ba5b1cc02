"""Telegrams on the RC line (ztel): fixed fields, typed messages, and what the core is told. Start reading at fields.py."""
