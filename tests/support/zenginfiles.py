"""Sound files of every format, made by rule: what the tests of zfmt and zfile read, break and send."""

from __future__ import annotations

from protocols.zengin.format.settings import FormatSettings
from protocols.zengin.format.writer import write_file

HEADERS: dict[str, dict[str, str]] = {
    "120": {
        "originator_code": "1234567890",
        "originator_name": "テストショウカイ",
        "date_mmdd": "1125",
        "bank_code": "0001",
        "bank_name": "ミズホ",
        "branch_code": "001",
        "branch_name": "トウキヨウ",
        "account_type": "1",
        "account_no": "7654321",
    },
    "200": {
        "made_on": "081125",
        "from_date": "081124",
        "to_date": "081125",
        "bank_code": "0001",
        "bank_name": "ミズホ",
        "branch_code": "001",
        "branch_name": "トウキヨウ",
        "account_type": "1",
        "account_no": "7654321",
        "account_name": "テストショウカイ",
    },
}


def header(code: str) -> dict[str, str]:
    if code not in ("01", "03"):
        return HEADERS["120"]
    return {**HEADERS["200"], **({"dummy1": "000", "balance_before": "1000"} if code == "03" else {})}


def payment(code: str, number: int) -> dict[str, str]:
    """The data record `number` (from 1); amounts are all different, so that a lost or doubled one shows in the sum."""
    amount = str(1_000 + number * number)
    common = {"amount": amount}
    if code == "01":
        return {**common, "inquiry_no": str(number), "account_date": "081125", "originator_name": "カ)ヤマダ"}
    if code == "03":
        inout = "1" if number % 2 else "2"
        return {**common, "inquiry_no": str(number), "account_date": "081125", "inout_kubun": inout, "summary": "フリコミ"}
    base = {
        **common,
        "bank_code": "0009",
        "bank_name": "ミツイスミトモ",
        "branch_code": "825",
        "branch_name": "アカサカ",
        "account_type": "1",
        "account_no": f"{number:07}",
    }
    return {**base, ("payer_name" if code == "91" else "payee_name"): "ヤマダ タロウ"}


def sound_file(code: str, count: int, settings: FormatSettings | None = None) -> bytes:
    settings = settings or FormatSettings()
    return write_file(code, header(code), [payment(code, number) for number in range(1, count + 1)], settings)


def total(count: int) -> int:
    return sum(1_000 + number * number for number in range(1, count + 1))
