"""The fields of a telegram as a table to read: name, width, kind, in wire order; two layouts of the same total length.

Owns the default widths and the check that a layout hangs together. It must never know a character code or a message. The
trap: the body of real RC telegrams is not public. Everything here is our profile ztel-p1 [P]: usual item names, invented
bytes, and each width is a setting (`widths`), so that a bank's own manual can be typed in.

Source: item names as in the interbank rules (業務方法書); bytes [P].
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

import msgspec

from protocols.errors import LocalMisuse

Kind = Literal["N", "C"]  # N: digits, right-aligned, zero-filled. C: characters, left-aligned, space-filled
FIELD_BYTES_MAX = 999
TELEGRAM_BYTES_MAX = 4_096


class Field(msgspec.Struct, frozen=True):
    """One item. `label` is the Japanese name that operators know."""

    name: str
    label: str
    kind: Kind
    length: int
    offset: int = 0


def _n(name: str, label: str, length: int) -> Field:
    return Field(name, label, "N", length)


def _c(name: str, label: str, length: int) -> Field:
    return Field(name, label, "C", length)


HEAD: tuple[Field, ...] = (
    _c("telegram", "電文区分", 2),
    _n("subject", "種目コード", 4),
    _n("process", "処理区分", 1),
    _n("resent", "再送表示", 1),
    _n("from_bank", "仕向金融機関", 4),
    _n("from_branch", "仕向店", 3),
    _n("to_bank", "被仕向金融機関", 4),
    _n("to_branch", "被仕向店", 3),
    _n("date", "取組日", 8),
    _n("sent_at", "発信日時", 14),
    _n("serial", "発信通番", 6),
    _n("center_serial", "センター通番", 8),
    _n("receipt_serial", "受信通番", 6),
    _n("original_date", "元電文 取組日", 8),
    _n("original_serial", "元電文 発信通番", 6),
)
DETAILS: tuple[Field, ...] = (
    _n("amount", "金額", 12),
    _n("fee", "運営費", 5),
    _n("fee_by", "運営費区分", 1),
    _n("account_type", "科目", 1),
    _n("account", "口座番号", 7),
    _c("beneficiary", "受取人名", 48),
    _c("remitter", "依頼人名", 48),
    _c("remitter_number", "依頼人番号", 10),
    _c("edi", "EDI情報", 20),
    _c("remarks", "備考", 48),
)
CONTROL: tuple[Field, ...] = (
    _n("last_sent", "最終送信順序", 10),
    _n("last_received", "最終受信順序", 10),
    _n("direction", "照合方向", 1),
    _n("matched_subject", "照合種目", 4),
    _n("count", "件数", 6),
    _n("total", "合計金額", 15),
    _n("first", "先頭通番", 8),
    _n("last", "末尾通番", 8),
    _n("line", "行番号", 3),
    _n("lines", "行数", 3),
)
TAIL: tuple[Field, ...] = (_n("result", "結果コード", 4), _c("reserve", "予備", 38))
FILLER = "filler"  # what a control telegram has where a business telegram has more details
# Kept as digits: leading zeros belong to the value. Every other N is a number.
CODES = frozenset(
    [
        "subject",
        "process",
        "resent",
        "from_bank",
        "from_branch",
        "to_bank",
        "to_branch",
        "date",
        "sent_at",
        "original_date",
        "fee_by",
        "account_type",
        "account",
        "direction",
        "matched_subject",
        "result",
    ]
)
NAMES = frozenset(field.name for field in (*HEAD, *DETAILS, *CONTROL, *TAIL))


class Layout(msgspec.Struct, frozen=True):
    """Fields with their offsets, and the bytes of a whole telegram."""

    fields: tuple[Field, ...]
    length: int

    def field(self, name: str) -> Field:
        return next(field for field in self.fields if field.name == name)


class Layouts(msgspec.Struct, frozen=True):
    """`head` is the part that both begin with: what can be read of a telegram whose kind is unknown."""

    head: Layout
    business: Layout
    control: Layout


def build_layouts(widths: Mapping[str, int]) -> Layouts:
    """Both layouts with `widths` over the defaults. Raises LocalMisuse for an unknown name, a width out of bounds, or a
    control part that is longer than the details it stands in place of."""
    unknown = sorted(set(widths) - NAMES)
    if unknown:
        raise LocalMisuse(f"{', '.join(unknown)}: expected names of {', '.join(sorted(NAMES))}", "widths")
    wrong = sorted(name for name, width in widths.items() if not 1 <= width <= FIELD_BYTES_MAX)
    if wrong:
        raise LocalMisuse(f"{', '.join(wrong)}: expected 1 to {FIELD_BYTES_MAX} bytes", "widths")
    business = _placed((*HEAD, *DETAILS, *TAIL), widths)
    room = sum(_width(field, widths) for field in DETAILS) - sum(_width(field, widths) for field in CONTROL)
    if room < 0:
        raise LocalMisuse(f"the fields of a control telegram need {-room} bytes more than the details have", "widths")
    filler = (_c(FILLER, "予備", room),) if room else ()
    control = _placed((*HEAD, *CONTROL, *filler, *TAIL), widths)
    if business.length > TELEGRAM_BYTES_MAX:
        raise LocalMisuse(f"a telegram of more than {TELEGRAM_BYTES_MAX} bytes", "widths")
    return Layouts(_placed(HEAD, widths), business, control)


def _width(field: Field, widths: Mapping[str, int]) -> int:
    return widths.get(field.name, field.length)


def _placed(fields: tuple[Field, ...], widths: Mapping[str, int]) -> Layout:
    placed: list[Field] = []
    offset = 0
    for field in fields:
        length = _width(field, widths)
        placed.append(msgspec.structs.replace(field, length=length, offset=offset))
        offset += length
    return Layout(tuple(placed), offset)
