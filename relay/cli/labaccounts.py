"""Accounts at the lab's consoles for the people of a drill.

Owns their making. It must never sign anybody in. It is here and not in relay/loopback because accounts are the console's, a
floor above. The trap: a password is hashed as slowly as at the bank, so the accounts are made once, and both centers get them.
"""

from __future__ import annotations

from protocols.vocabulary import Secret
from relay.clock import SystemClock
from relay.console.accounts import account, read_accounts, write_accounts
from relay.console.identity import Role
from relay.loopback.lab.drillplan import PEOPLE
from relay.loopback.lab.lab import Lab
from relay.loopback.lab.secretsmade import Secrets
from relay.loopback.lab.topology import CENTERS


def make_accounts(lab: Lab) -> None:
    """Everybody has one at both consoles. Safe to repeat. Raises RelayError."""
    files = [str(lab.folder / city / "console-accounts.json") for city in CENTERS]
    if all(read_accounts(file) for file in files):
        return
    password, now_ms = Secret(Secrets.of(lab.folder).password), SystemClock().wall_ms()
    made = [account(one.login, Role.OPERATOR, password, now_ms) for one in PEOPLE]
    for file in files:
        write_accounts(file, made)
