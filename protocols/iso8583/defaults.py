"""What a listener gets that names nothing: kinds by processing code, doubt policies, echo lists, network codes.

Owns the default tables, as data to read and to override. It must never know pydantic or a message. The trap: a doubt policy
is about cash. Where the terminal holds what the customer gave (deposit), an unknown outcome is repeated under the same key
until answered, and only the terminal's own reversal takes it back; a machine that returns the notes on a doubtful reply without
reversing needs "hold". Never undo (laws 3, 4), except where a doubtful reply means "nothing happened" to the terminal.

Sources: ISO 8583:1987 and 1993 processing codes (first two digits of DE 3); 28, 38, 39 and 9x are national or network use,
given here as most ATM networks use them.
"""

from __future__ import annotations

from typing import Literal, TypeAlias

AmountUse: TypeAlias = Literal["required", "optional", "none"]

# Kind -> (doubt policy, is DE 4 needed?). A kind that is not here needs a row in the profile.
KINDS: dict[str, tuple[Literal["undo", "repeat", "hold"], AmountUse]] = {
    "purchase": ("undo", "required"),
    "withdrawal": ("undo", "required"),
    "debit-adjustment": ("undo", "required"),
    "cheque-guarantee": ("undo", "required"),
    "cheque-verification": ("undo", "optional"),
    "purchase-with-cashback": ("undo", "required"),
    "account-funding": ("undo", "required"),
    "quasi-cash": ("undo", "required"),
    "refund": ("undo", "required"),
    "deposit": ("repeat", "required"),  # the notes are in the machine; "hold" where the machine gives them back on doubt
    "credit-adjustment": ("undo", "required"),
    "cheque-deposit-guarantee": ("hold", "required"),
    "cheque-deposit": ("repeat", "required"),
    "card-load": ("undo", "required"),
    "balance-inquiry": ("undo", "none"),
    "mini-statement": ("undo", "none"),
    "transfer": ("undo", "required"),
    "payment": ("undo", "required"),
    "pin-change": ("undo", "none"),
    "pin-unblock": ("undo", "none"),
    "authorisation": ("undo", "required"),  # a hold on the account, not a posting
    "cash-authorisation": ("undo", "required"),
    "credit-authorisation": ("undo", "required"),
    "transfer-authorisation": ("undo", "required"),
    "payment-authorisation": ("undo", "required"),
    "reconciliation": ("repeat", "none"),
    "reversal": ("repeat", "optional"),
}
NEVER_UNDONE = frozenset({"deposit", "cheque-deposit"})  # law 4, whatever a profile says
PLAIN_KINDS = frozenset({"reconciliation", "reversal"})  # kinds of a whole message class, not of a processing code

PROCESSING_CODES: dict[str, str] = {
    "00": "purchase",
    "01": "withdrawal",
    "02": "debit-adjustment",
    "03": "cheque-guarantee",
    "04": "cheque-verification",
    "09": "purchase-with-cashback",
    "10": "account-funding",
    "11": "quasi-cash",
    "20": "refund",
    "21": "deposit",
    "22": "credit-adjustment",
    "23": "cheque-deposit-guarantee",
    "24": "cheque-deposit",
    "28": "card-load",
    "29": "payment",
    "30": "balance-inquiry",  # available funds
    "31": "balance-inquiry",
    "38": "mini-statement",
    "39": "mini-statement",
    **{str(code): "transfer" for code in range(40, 50)},
    "50": "payment",
    "53": "payment",
    "57": "payment",
    "90": "pin-change",
    "91": "pin-unblock",
    "92": "pin-change",
}

# Class 1 (authorisation) where it means something else than class 2: "1:" and the processing code.
AUTHORISATION_CODES: dict[str, str] = {
    **{f"1:{code}": "authorisation" for code in ("00", "02", "03", "09", "10", "11")},
    "1:01": "cash-authorisation",
    **{f"1:{code}": "credit-authorisation" for code in ("20", "21", "22", "23", "24", "28")},
    **{f"1:{code}": "transfer-authorisation" for code in range(40, 50)},
    **{f"1:{code}": "payment-authorisation" for code in ("29", "50", "53", "57")},
}

# Kind -> its column in reconciliation messages, where the digit of its processing code says something else.
FAMILIES: dict[str, str] = {"payment": "payments"}

ACCOUNT_TYPES: dict[str, str] = {
    "00": "default",
    "10": "savings",
    "20": "checking",
    "30": "credit",
    "40": "universal",
    "50": "investment",
}

# DE 70 in 1987, DE 24 in 1993 and 2003 -> what the far end wants of the link.
NETWORK_CODES: dict[str, dict[str, str]] = {
    "1987": {
        "001": "sign-on",
        "002": "sign-off",
        "101": "key-exchange",
        "161": "key-exchange",
        "201": "cutover",
        "301": "echo",
    },
    "1993": {"801": "sign-on", "802": "sign-off", "811": "key-exchange", "821": "cutover", "831": "echo"},
    "2003": {"801": "sign-on", "802": "sign-off", "811": "key-exchange", "821": "cutover", "831": "echo"},
}
NETWORK_ACTIONS = ("sign-on", "sign-off", "key-exchange", "cutover", "echo")

# What a response carries back unchanged, per class of message. `refused` is an answer of the dialogue to a message it will not
# take: just the key fields, nothing else of a malformed message is worth repeating.
_KEYS = (7, 11, 12, 13, 32, 33, 37, 41, 42)
_MONEY = (2, 3, 4, 7, 11, 12, 13, 15, 17, 25, 32, 33, 37, 41, 42, 49, 50, 51)
ECHOED: dict[str, tuple[int, ...]] = {
    "financial": (*_MONEY, 102, 103),
    "reversal": (*_MONEY, 38, 56, 90, 95),
    "reconciliation": (*_KEYS, 15, 50),
    "network": (*_KEYS, 15, 24, 53, 63, 70, 93, 94, 100),
    "refused": _KEYS,
}
_NOT_ECHOED: dict[str, frozenset[int]] = {
    "1987": frozenset({56}),
    "1993": frozenset({13, 17, 70, 90, 95}),
    "2003": frozenset({13, 17, 49, 50, 51, 53, 63, 70, 90, 95}),  # 49 is verification data there
}


def echoed(version: str, message_class: str) -> tuple[int, ...]:
    """The data elements that a response of `message_class` carries back, in rising order."""
    elements = set(ECHOED[message_class]) - _NOT_ECHOED[version]
    if version == "1987":
        elements.add(24)  # the network international id, by which concentrators route
    return tuple(sorted(elements))


# Reply data of the core -> the data element that carries it. DE 38, 39, 4, 54 have rules of their own.
REPLY_FIELDS: dict[str, int] = {
    "retrieval_reference": 37,
    "text": 44,
    "additional_data": 48,
    "emv": 55,
    "private_data": 62,
}

# Request.extra: clear name -> data element. Nothing here may identify a card (the profile refuses those).
EXTRA_FIELDS: dict[str, int] = {
    "transmission_time": 7,
    "local_time": 12,
    "local_date": 13,
    "settlement_date": 15,
    "merchant_type": 18,
    "forwarding_institution": 33,
    "retrieval_reference": 37,
    "approval_code": 38,
    "card_acceptor": 42,
    "card_acceptor_name": 43,
}
EXTRA_FIELDS_1987: dict[str, int] = {"network_id": 24, "condition_code": 25}
EXTRA_FIELDS_LATER: dict[str, int] = {"function_code": 24, "reason_code": 25}


def extra_fields(version: str) -> dict[str, int]:
    """Name in `Request.extra` -> data element, for one version."""
    return {**EXTRA_FIELDS, **(EXTRA_FIELDS_1987 if version == "1987" else EXTRA_FIELDS_LATER)}


# PAN, expiry, tracks, PIN, security control, EMV; and where networks put a card verification value (48, 126): law 9.
CARD_FIELDS = frozenset({2, 14, 23, 34, 35, 36, 45, 48, 52, 53, 55, 126})
