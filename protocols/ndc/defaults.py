"""The tables a profile starts from: kinds, operation codes, replies. Flat, to be read beside a bank's own state tables.

Owns defaults only. It must never compile anything. The trap: nothing in NDC says "withdrawal"; an operation code means what
the bank's states make of the keys that a customer pressed, so that these rows are one bank's (from the open samples), and a
second bank writes its own.
"""

from __future__ import annotations

ANY_CONFIG = "*"

# kind -> (doubt policy, amount, completion awaited). A deposit's notes are in escrow: held for a person, never undone.
KINDS: dict[str, tuple[str, str, bool]] = {
    "withdrawal": ("undo", "required", True),
    "balance-inquiry": ("undo", "none", False),
    "mini-statement": ("undo", "none", False),
    "transfer": ("undo", "required", False),
    "payment": ("undo", "required", False),
    "pin-change": ("undo", "none", False),
    "deposit": ("hold", "required", True),
    "cheque-deposit": ("hold", "required", True),
}
NEVER_UNDONE = frozenset({"deposit", "cheque-deposit"})
PLAIN_KINDS = frozenset({"journal-upload", "cash-report"})  # recorded and delivered, no money moves

# Eight characters, blanks exact, "?" for any -> kind, where the target account is, where the amount is.
OPERATIONS: dict[str, dict[str, str]] = {
    " DA   AD": {"kind": "withdrawal"},
    " DB   AD": {"kind": "balance-inquiry", "amount": "none"},
    "CDI   AD": {"kind": "transfer", "to_account": "B"},
}

# What is said -> reply. "approved" rows by kind; every other word is a reason to decline or one of the relay's own refusals.
APPROVED = "approved:"  # and the kind
DECLINE = "decline"  # any reason without a row of its own
RECOVERY = "recovery"  # after a device fault: no dispense, to a close state
UNDISPENSABLE = "amount-not-dispensable"
UNKNOWN_OPERATION = "unknown-operation"
INVALID_AMOUNT = "invalid-amount"

REPLIES: dict[str, dict[str, str]] = {
    f"{APPROVED}withdrawal": {"function": "A", "next_state": "125", "screen": "012"},
    f"{APPROVED}balance-inquiry": {"function": "5", "next_state": "101", "screen": "013"},
    f"{APPROVED}mini-statement": {"function": "5", "next_state": "101", "screen": "013"},
    f"{APPROVED}transfer": {"function": "5", "next_state": "101", "screen": "014"},
    f"{APPROVED}payment": {"function": "5", "next_state": "101", "screen": "014"},
    f"{APPROVED}pin-change": {"function": "5", "next_state": "073", "screen": "015"},
    f"{APPROVED}deposit": {"function": "-", "next_state": "126", "screen": "016"},
    f"{APPROVED}cheque-deposit": {"function": ":", "next_state": "126", "screen": "016"},
    f"{DECLINE}:deposit": {"function": "*", "next_state": "127", "screen": "031"},
    DECLINE: {"function": "5", "next_state": "130", "screen": "030"},
    RECOVERY: {"function": "5", "next_state": "140", "screen": "040"},
    "insufficient-funds": {"function": "5", "next_state": "131", "screen": "032"},
    "limit-exceeded": {"function": "5", "next_state": "131", "screen": "033"},
    "incorrect-pin": {"function": "5", "next_state": "132", "screen": "034"},
    UNDISPENSABLE: {"function": "5", "next_state": "131", "screen": "035"},
    "pin-tries-exceeded": {"function": "5", "next_state": "130", "screen": "036"},
    "lost-card": {"function": "5", "next_state": "133", "screen": "037", "card": "retain"},
    "stolen-card": {"function": "5", "next_state": "133", "screen": "037", "card": "retain"},
    "retain-card": {"function": "5", "next_state": "133", "screen": "037", "card": "retain"},
}
