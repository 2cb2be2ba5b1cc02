"""Which response code says what: one row per thing that can be said, one column per version of the standard.

Owns the default table (reason -> DE 39) for 1987, 1993 and 2003, and the words themselves: every `Refusal`, the reasons that
the core may decline with, and the few things only this dialect says. It must never know a field or a link. The trap: a
reason the table has no row for becomes "do not honour", never "approved"; the core may grow words before we do.

Sources: ISO 8583:1987 response codes, ISO 8583:1993 action codes; the 2003 column is the 1993 one with a fourth digit.
"""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from protocols.vocabulary import Refusal

# Words that are neither a Refusal nor a reason of the core.
APPROVED = "approved"
APPROVED_PARTIAL = "approved-partial"
REVERSAL_ACCEPTED = "reversal-accepted"
RECONCILED = "reconciliation-accepted"
RECONCILED_OUT = "reconciliation-out-of-balance"
NOT_COMPARED = "reconciliation-not-compared"  # taken; our own totals are not at hand
NETWORK_ACCEPTED = "network-accepted"
FUNCTION_NOT_SUPPORTED = "function-not-supported"  # an MTI, network code or key exchange that we do not do
MAC_WRONG = "mac-wrong"
KEY_OUT_OF_STEP = "key-out-of-step"
DO_NOT_HONOUR = "do-not-honour"  # also what an unknown reason becomes


class Codes(msgspec.Struct, frozen=True):
    """One row: DE 39 as 1987 writes it (two), as 1993 does (three digits) and as 2003 does (four)."""

    y1987: str
    y1993: str
    y2003: str


# fmt: off
SPOKEN: dict[str, Codes] = {
    APPROVED:                          Codes("00", "000", "0000"),
    APPROVED_PARTIAL:                  Codes("10", "002", "0002"),
    REVERSAL_ACCEPTED:                 Codes("00", "400", "4000"),
    RECONCILED:                        Codes("00", "500", "5000"),
    RECONCILED_OUT:                    Codes("95", "502", "5002"),
    NOT_COMPARED:                      Codes("00", "503", "5003"),
    NETWORK_ACCEPTED:                  Codes("00", "800", "8000"),
    FUNCTION_NOT_SUPPORTED:            Codes("40", "115", "1015"),
    MAC_WRONG:                         Codes("96", "916", "9116"),
    KEY_OUT_OF_STEP:                   Codes("96", "917", "9117"),
}

REFUSED: dict[Refusal, Codes] = {
    Refusal.FORMAT_ERROR:              Codes("30", "904", "9104"),
    Refusal.UNSUPPORTED:               Codes("12", "902", "9102"),
    Refusal.NOT_SIGNED_ON:             Codes("58", "120", "1020"),
    Refusal.UNKNOWN_TERMINAL:          Codes("58", "120", "1020"),
    Refusal.OVERLOADED:                Codes("91", "907", "9107"),
    Refusal.NO_JOURNAL:                Codes("96", "909", "9109"),
    Refusal.CORE_UNREACHABLE:          Codes("91", "907", "9107"),
    Refusal.REGION_SWITCHING:          Codes("91", "907", "9107"),
    Refusal.SUSPENDED:                 Codes("91", "912", "9112"),
    Refusal.OUT_OF_HOURS:              Codes("91", "912", "9112"),
    Refusal.DRAINING:                  Codes("91", "912", "9112"),
    Refusal.KEY_CONFLICT:              Codes("94", "913", "9113"),
    Refusal.IN_PROGRESS:               Codes("09", "923", "9123"),
    Refusal.IN_DOUBT:                  Codes("68", "911", "9111"),
    Refusal.REVERSED:                  Codes("05", "100", "1000"),  # not 94: some terminals take 94 for "approved before"
    Refusal.ORIGINAL_NOT_FOUND:        Codes("25", "914", "9114"),
    Refusal.TOO_LATE:                  Codes("68", "911", "9111"),
    Refusal.INTERNAL:                  Codes("96", "909", "9109"),
}

# What the core may say in `Declined.reason`. Agreed with the contract; a profile may add rows and change codes.
DECLINED: dict[str, Codes] = {
    "insufficient-funds":              Codes("51", "116", "1016"),
    "invalid-card":                    Codes("14", "111", "1011"),
    "expired-card":                    Codes("54", "101", "1001"),
    "incorrect-pin":                   Codes("55", "117", "1017"),
    "pin-tries-exceeded":              Codes("75", "106", "1006"),
    "limit-exceeded":                  Codes("61", "121", "1021"),
    "frequency-exceeded":              Codes("65", "123", "1023"),
    "account-closed":                  Codes("52", "114", "1014"),  # 1987 has no code of its own for it
    "no-such-account":                 Codes("52", "114", "1014"),
    "not-permitted":                   Codes("57", "119", "1019"),
    "terminal-not-permitted":          Codes("58", "120", "1020"),
    DO_NOT_HONOUR:                     Codes("05", "100", "1000"),
    "lost-card":                       Codes("41", "208", "2008"),
    "stolen-card":                     Codes("43", "209", "2009"),
    "suspected-fraud":                 Codes("59", "102", "1002"),
    "restricted-card":                 Codes("62", "104", "1004"),
    "retain-card":                     Codes("04", "200", "2000"),
    "security-violation":              Codes("63", "122", "1022"),
    "invalid-amount":                  Codes("13", "110", "1010"),
    "invalid-transaction":             Codes("12", "902", "9102"),
    "issuer-unavailable":              Codes("91", "912", "9112"),
    "cut-off-running":                 Codes("90", "906", "9106"),
    "no-route":                        Codes("92", "908", "9108"),
    "reversed":                        Codes("05", "100", "1000"),
    "duplicate":                       Codes("94", "913", "9113"),
    "original-not-found":              Codes("25", "914", "9114"),
}
# fmt: on

CODE_LENGTH = {"1987": 2, "1993": 3, "2003": 4}


def all_codes(version: str, overrides: Mapping[str, str]) -> dict[str, str]:
    """Word -> DE 39 for one version ("1987", "1993", "2003"), the profile's own rows on top."""
    table: dict[str, str] = {}
    for rows in (DECLINED, REFUSED, SPOKEN):
        for word, codes in rows.items():
            table[str(word)] = {"1987": codes.y1987, "1993": codes.y1993, "2003": codes.y2003}[version]
    table.update(overrides)
    return table
