"""Which 応答コード says what: one row per thing that can be said.

Owns the default table (word -> four digits): the refusals that every dialect has, the reasons that the core may decline with,
and what only a branch line says. All numbers are our own profile [P]; a bank's go over them in the profile. It must never
know a field. The trap: a reason without a row becomes "do not honour", never "approved".
"""

from __future__ import annotations

from collections.abc import Mapping

from protocols.vocabulary import Refusal

APPROVED = "approved"
DO_NOT_HONOUR = "do-not-honour"
SERIAL_WRONG = "serial-wrong"  # 通番異常
DATE_WRONG = "business-date-wrong"  # 営業日相違
DAY_CLOSED = "day-closed"  # 閉局済
APPROVER_WANTED = "approver-wanted"  # 役席承認要
PENDING_FULL = "pending-full"  # 未確定取引過多
TRAINING = "training-refused"  # 訓練電文不可
COUNT_MISSING = "till-check-missing"  # 精査未了
COUNT_WRONG = "till-check-wrong"  # 精査不一致
BUSY = "transactions-open"  # 取引処理中
MAC_WRONG = "mac-wrong"
KEY_UNKNOWN = "key-unknown"

# fmt: off
CODES: dict[str, str] = {
    APPROVED: "0000",
    SERIAL_WRONG: "1001", DATE_WRONG: "1002", DAY_CLOSED: "1003", APPROVER_WANTED: "1004", PENDING_FULL: "1005",
    TRAINING: "1006", COUNT_MISSING: "1007", COUNT_WRONG: "1008", BUSY: "1009",
    MAC_WRONG: "1101", KEY_UNKNOWN: "1102",
    Refusal.FORMAT_ERROR: "2001", Refusal.UNSUPPORTED: "2002", Refusal.NOT_SIGNED_ON: "2003",
    Refusal.UNKNOWN_TERMINAL: "2004", Refusal.KEY_CONFLICT: "2005", Refusal.IN_PROGRESS: "2006",
    Refusal.ORIGINAL_NOT_FOUND: "2007",
    Refusal.OVERLOADED: "3001", Refusal.NO_JOURNAL: "3002", Refusal.CORE_UNREACHABLE: "3003",
    Refusal.REGION_SWITCHING: "3004", Refusal.SUSPENDED: "3005", Refusal.DRAINING: "3006", Refusal.INTERNAL: "3007",
    Refusal.OUT_OF_HOURS: "3008",
    Refusal.IN_DOUBT: "4001", Refusal.TOO_LATE: "4002", Refusal.REVERSED: "4003",
    DO_NOT_HONOUR: "5000", "insufficient-funds": "5001", "no-such-account": "5002", "account-closed": "5003",
    "invalid-amount": "5004", "limit-exceeded": "5005", "not-permitted": "5006", "invalid-transaction": "5007",
    "incorrect-pin": "5008", "pin-tries-exceeded": "5009", "invalid-card": "5010", "expired-card": "5011",
    "lost-card": "5012", "stolen-card": "5013", "suspected-fraud": "5014", "reversed": "5015", "duplicate": "5016",
    "original-not-found": "5017",
}
# fmt: on


def all_codes(overrides: Mapping[str, str]) -> dict[str, str]:
    """Word -> 応答コード, the profile's own rows on top."""
    return {**{str(word): code for word, code in CODES.items()}, **overrides}
