"""Files of a fake company: payments by number, so that no two files are alike and a lost record shows in the sum. Pure.

Owns the makings of 総合振込 files and their names. It must never send, nor know what day it is. The traps: a cycle number is
used once a day per file name, 01 to 99, so a long run needs several names; the same bytes again would be refused as sent twice;
and a payment whose date is more than a week from the day on which it comes is put on a person's list.
"""

from __future__ import annotations

from protocols.zengin.format.settings import FormatSettings
from protocols.zengin.format.writer import write_file

CODE = "21"  # 総合振込
CYCLES, NAMES = 99, 10
FILES_MAX = CYCLES * NAMES  # of one direction and day
HEADER = {
    "originator_code": "1234567890",
    "originator_name": "テストショウカイ",
    "bank_code": "0001",
    "bank_name": "ミズホ",
    "branch_code": "001",
    "branch_name": "トウキヨウ",
    "account_type": "1",
    "account_no": "7654321",
}
SETTINGS = FormatSettings(formats=(CODE,))


def name_of(prefix: str, number: int) -> tuple[str, str]:
    """File name and cycle of the file `number` (from 0). Raises ValueError after the last one of a day."""
    if not 0 <= number < FILES_MAX:
        raise ValueError(f"file {number}: a day has {FILES_MAX} files")
    turn, cycle = divmod(number, CYCLES)
    return f"{prefix}{turn}", f"{cycle + 1:02}"


def names(prefix: str) -> list[str]:
    return [f"{prefix}{turn}" for turn in range(NAMES)]


def content_of(number: int, count: int, date_mmdd: str) -> bytes:
    """The file `number` with `count` payments of a day."""
    payments = [_payment(number * count + place) for place in range(count)]
    return write_file(CODE, {**HEADER, "date_mmdd": date_mmdd}, payments, SETTINGS)


def _payment(number: int) -> dict[str, str]:
    return {
        "amount": str(1_000 + number * 7 % 900_001),
        "bank_code": "0009",
        "bank_name": "ミツイスミトモ",
        "branch_code": "825",
        "branch_name": "アカサカ",
        "account_type": "1",
        "account_no": f"{number % 10_000_000:07}",
        "payee_name": "ヤマダ タロウ",
    }
