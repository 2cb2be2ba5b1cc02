"""The wire as tables to read: the header of 160 bytes, the bodies, which message has which body, and the default operations.

Owns data only. Everything here is our own profile [P], with the usual item names: no bank publishes its branch telegrams. A
bank's own widths go over these tables as an overlay (overlay.py), its own 取引コード into the profile. It must never know how a
field is read. The trap: the length field of 4 bytes belongs to the framing, so offsets inside a frame begin at 4.

Types: N digits, right-aligned, zero-filled; C characters, left-aligned, space-filled, bytes counted; B binary, as hex.
"""

from __future__ import annotations

from typing import Literal, TypeAlias

import msgspec

FieldType: TypeAlias = Literal["N", "C", "B"]
LENGTH_BYTES = 4
MAC_BYTES = 8


class Field(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One item of a layout. `length` in bytes. A `secret` (PIN block) and a `pan` are never shown, hashed or stored."""

    name: str
    type: FieldType
    length: int
    secret: bool = False
    pan: bool = False


def _fields(*rows: tuple[str, FieldType, int]) -> tuple[Field, ...]:
    return tuple(Field(*row) for row in rows)


# fmt: off
HEADER: tuple[Field, ...] = _fields(
    ("version", "N", 2),            # 版: "01"
    ("message_type", "N", 2),       # 電文種別
    ("bank", "N", 4),               # 金融機関コード
    ("branch", "N", 3),             # 店番 (取扱店)
    ("terminal_kind", "C", 1),      # 端末種別: T 窓口, B 後方, A ATM, R 役席
    ("terminal", "N", 4),           # 端末番号, unique in the 店
    ("operator", "C", 8),           # オペレータID, blank for an ATM
    ("approver", "C", 8),           # 役席ID, blank: none
    ("operation", "N", 5),          # 取引コード: 科目 2 + オペ 3
    ("serial", "N", 6),             # 端末通番 000001-999999, per terminal and 営業日
    ("business_date", "N", 8),      # 営業日 YYYYMMDD, set at 開局
    ("value_date", "N", 8),         # 起算日, normally the 営業日
    ("sent_at", "N", 14),           # 送信日時 YYYYMMDDhhmmss
    ("repeat", "N", 1),             # 再送表示: 1 re-sent, same 通番, same body
    ("correction", "N", 1),         # 取消区分: 1 取消, 2 訂正
    ("original_date", "N", 8),      # 元取引: 元営業日
    ("original_serial", "N", 6),    #         元通番
    ("offline", "N", 1),            # 後送区分: 1 後送
    ("training", "N", 1),           # 訓練区分: 1 training
    ("charset", "N", 1),            # コード区分: 0 JIS, 1 EBCDIC-kana
    ("code", "N", 4),               # 応答コード: 0000 ok
    ("center_serial", "N", 10),     # センター通番
    ("confirmed_serial", "N", 6),   # 前回確定通番: the last 通番 the terminal knows complete
    ("key_version", "N", 4),        # 鍵版
    ("reserved", "C", 40),          # 予備
)

_ACCOUNT: tuple[tuple[str, FieldType, int], ...] = (("account_branch", "N", 3), ("account_type", "N", 1), ("account", "N", 7))
_PAYEE: tuple[tuple[str, FieldType, int], ...] = (("payee_branch", "N", 3), ("payee_type", "N", 1), ("payee_account", "N", 7))
_PIN = Field("pin_block", "B", 8, secret=True)

BODIES: dict[str, tuple[Field, ...]] = {
    "empty": (),
    "opening": _fields(("opening_cash", "N", 12)),
    "till-check": _fields(
        ("cash", "N", 12), ("in_count", "N", 6), ("in_total", "N", 12), ("out_count", "N", 6), ("out_total", "N", 12),
    ),
    "deposit": _fields(*_ACCOUNT, ("amount", "N", 12), ("name", "C", 40), ("remark", "C", 20)),
    "withdrawal": (*_fields(*_ACCOUNT, ("amount", "N", 12)), _PIN),
    "card-withdrawal": (Field("pan", "C", 19, pan=True), *_fields(("amount", "N", 12)), _PIN),
    "transfer": _fields(*_ACCOUNT, *_PAYEE, ("amount", "N", 12), ("payee_name", "C", 48), ("sender_name", "C", 48)),
    "account": _fields(*_ACCOUNT),
    "result": _fields(("authorisation", "C", 6), ("balance_sign", "C", 1), ("balance", "N", 12)),
    "cancel": _fields(("amount", "N", 12), ("reason", "C", 20)),             # 元金額
    "correct": _fields(("amount", "N", 12), ("standing", "N", 12), ("reason", "C", 20)),  # 元金額, 訂正後金額
    "completion": _fields(("paid", "N", 12)),                                # what really left the till
    "inquiry": _fields(("from_serial", "N", 6), ("to_serial", "N", 6)),
    "finding": _fields(("finding", "N", 1), ("last_serial", "N", 6), ("pending_count", "N", 4)),
    "fault": _fields(("fault", "C", 4), ("text", "C", 40)),
    "notice": _fields(("subject", "C", 4), ("text", "C", 200)),
}

# 電文種別 -> body. None: the 取引コード says (OPERATIONS). An answer whose 応答コード is not 0000 has no body.
BODY_OF_TYPE: dict[str, str | None] = {
    "10": "opening", "11": "empty",       # 開局要求 / 回答
    "12": "empty", "13": "empty",         # 閉局要求 / 回答
    "14": "empty", "15": "empty",         # エコー / 回答
    "16": "empty", "17": "till-check",    # 精査指示 / 応答
    "20": None, "21": "result",           # 取引要求 / 応答
    "22": "completion",                   # 完了確認 (取引成立)
    "23": "completion",                   # 不成立通知
    "24": "cancel", "25": "empty",        # 取消要求 / 応答
    "26": "correct", "27": "empty",       # 訂正要求 / 応答
    "30": "inquiry", "31": "finding",     # 照会 / 回答
    "40": None,                           # 後送, acknowledged by 21
    "50": "notice", "51": "empty",        # 通知 / 通知受信確認: センター通番 is the notice's number
    "90": "fault",                        # 障害通知
}
ANSWER_OF: dict[str, str] = {"10": "11", "12": "13", "14": "15", "16": "17", "20": "21", "24": "25", "26": "27", "30": "31",
                             "40": "21", "50": "51"}
ANSWERS = frozenset({"11", "13", "15", "17", "21", "25", "27", "31", "51"})
NUMBERED = frozenset({"20", "24", "26", "40"})  # those that take a 端末通番 of their own

# 取引コード -> kind, body, cash in the till, doubt policy. Completion: by which 端末種別 a 完了確認 is owed.
OPERATIONS: dict[str, tuple[str, str, str, str, str]] = {
    "01001": ("deposit", "deposit", "in", "repeat", ""),             # 普通預金 入金
    "01002": ("withdrawal", "withdrawal", "out", "undo", "A"),       # 普通預金 出金
    "01012": ("withdrawal", "card-withdrawal", "out", "undo", "A"),  # 普通預金 カード出金
    "01003": ("transfer", "transfer", "none", "undo", ""),           # 普通預金 振替
    "01009": ("balance-inquiry", "account", "none", "undo", ""),     # 普通預金 残高照会
    "02001": ("deposit", "deposit", "in", "repeat", ""),             # 当座預金 入金
    "02002": ("withdrawal", "withdrawal", "out", "undo", "A"),       # 当座預金 出金
    "02003": ("transfer", "transfer", "none", "undo", ""),           # 当座預金 振替
}
# fmt: on
