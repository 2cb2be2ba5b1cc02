"""The five scenarios, played in the lab (relay/loopback/lab) under traffic of all dialects: `python -m tests.live.lab`."""
