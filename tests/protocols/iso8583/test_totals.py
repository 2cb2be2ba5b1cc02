"""05xx messages as a stranger writes them: read as a statement, compared, and answered in their own columns."""

from __future__ import annotations

from typing import Any

import iso8583
import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocols.iso8583.dialect import Iso8583Dialect, default_profile
from protocols.iso8583.mapping import BadValue
from protocols.iso8583.message import IsoMessage
from protocols.iso8583.profile import Iso8583Profile
from protocols.iso8583.totals import COLUMNS, Statements, kinds_of
from protocols.totals import OwnSum, TotalsStated
from protocols.vocabulary import TAKEN
from tests.support.foreignatm import spec_of
from tests.support.isolink import PAN, WALL_MS, make_dialect

SAID: dict[str, str] = {
    "t": "0500",
    "7": "1105010203",
    "11": "000777",
    "12": "100203",
    "13": "1105",
    "15": "1104",
    "32": "440011",
    "41": "ATM00001",
    "50": "392",
    "74": "0000000002",
    "76": "0000000005",
    "77": "0000000001",
    "86": "0000000000030000",
    "88": "0000000000120000",
    "89": "0000000000020000",
    "97": "D0000000000070000",
}


def statements(**profile: object) -> Statements:
    return Statements(default_profile(totals={"answer": "compared"}, **profile), lambda: WALL_MS)


def from_stranger(said: dict[str, str], dialect: str, ours: Iso8583Dialect) -> IsoMessage:
    raw, _ = iso8583.encode(dict(said), spec_of(dialect))
    return ours.codec.decode(bytes(raw))


@pytest.mark.parametrize(("name", "encoding"), [("1987-ascii", "ascii"), ("1987-bcd", "bcd"), ("1987-ebcdic", "ebcdic")])
def test_a_strangers_totals_are_read_as_it_meant_them(name: str, encoding: str) -> None:
    ours = make_dialect(encoding=encoding)
    spec: dict[str, Any] = spec_of(name)
    said = dict(SAID)
    if encoding == "bcd":  # the stranger's table packs the elements that it lists; the rest it writes as text
        for number in ("15", *(n for n in SAID if n.isdigit() and 74 <= int(n) <= 89)):
            spec[number].update(data_enc="b", len_count="nibbles", left_pad="0")
        said.pop("97")  # a letter before packed digits is beyond it
    raw, _ = iso8583.encode(dict(said), spec)
    stated = statements().read(ours.codec.decode(bytes(raw)))
    assert stated is not None
    assert (stated.party, stated.business_date, stated.currency) == ("ATM00001", "2026-11-04", "JPY")
    assert [(line.name, line.count, line.minor, line.undone) for line in stated.lines] == [
        ("credits", 2, 30_000, False),
        ("debits", 5, 120_000, False),
        ("debits taken back", 1, 20_000, True),
    ]


def test_a_repeat_is_the_same_statement_and_an_advice_is_another() -> None:
    ours = make_dialect()
    first = statements().read(from_stranger(SAID, "1987-ascii", ours))
    assert statements().read(from_stranger(SAID | {"t": "0501", "7": "1105020000"}, "1987-ascii", ours)) == first
    advice = statements().read(from_stranger(SAID | {"t": "0521"}, "1987-ascii", ours))
    assert first is not None
    assert advice is not None
    assert (first.id, advice.id) == ("0500/000777/20261105", "0520/000777/20261105")


def test_1993_has_its_own_date_and_columns() -> None:
    fields: dict[int, str | bytes] = {11: "000777", 12: "261105100203", 28: "261103", 41: "ATM00001", 50: "392"}
    fields |= {80: "0000000009", 82: "0000000001", 83: "0000000004", 84: "0000000001"}
    stated = statements(version="1993").read(IsoMessage("1500", fields))
    assert stated is not None
    assert stated.business_date == "2026-11-03"
    assert [(line.name, line.count, line.undone) for line in stated.lines] == [
        ("inquiries", 9, False),
        ("inquiries taken back", 1, True),
        ("payments", 4, False),
        ("payments taken back", 1, True),
    ]
    assert statements(version="2003").read(IsoMessage("2500", {11: "000000000777", 12: "20261105100203", 97: "x"})) is None


PAIRS = [(30_000, 2), (0, 0), (0, 0), (120_000, 5), (700, 1), (20_000, 1)]  # credits and debits: done, charged back, taken back
SAID_2003: dict[int, str | bytes] = {
    11: "000000000777",
    12: "20261105100203",
    28: "20261104",
    32: "440011",
    41: "ATM00001        ",
    74: bytes.fromhex("".join(f"{amount:016}{count:010}" for amount, count in PAIRS)),
    97: "D3920" + "0000000000070000",
}


def pairs_of(answer: IsoMessage) -> list[tuple[int, int]]:
    digits = bytes(answer.fields[74]).hex()  # type: ignore[arg-type]
    return [(int(digits[at : at + 16]), int(digits[at + 16 : at + 26])) for at in range(0, 156, 26)]


@pytest.mark.parametrize("encoding", ["ascii", "bcd"])
def test_2003_states_pairs_and_is_answered_in_them(encoding: str) -> None:
    ours = make_dialect(version="2003", encoding=encoding)
    sheet = statements(version="2003")
    sent = ours.codec.encode(IsoMessage("2500", SAID_2003))
    message = ours.codec.decode(sent)
    stated = sheet.read(message)
    assert stated is not None
    assert (stated.currency, stated.business_date, stated.party.strip()) == ("JPY", "2026-11-04", "ATM00001")
    assert [(line.name, line.count, line.minor, line.undone, bool(line.kinds)) for line in stated.lines] == [
        ("credits", 2, 30_000, False, True),
        ("credits taken back", 0, 0, True, True),
        ("debits", 5, 120_000, False, True),
        ("debits charged back", 1, 700, False, False),
        ("debits taken back", 1, 20_000, True, True),
    ]
    own = OwnSum(5, 120_000, 1, 20_000)
    given, taken = OwnSum(3, 31_000, 1, 1_000), OwnSum()
    good = sheet.compared(message, stated, (given, given, own, taken, own))
    reply = ours.to_reply(good, TAKEN, WALL_MS)
    assert (good.balance, reply.code) == ("in", "5000")
    told = pairs_of(ours.codec.decode(ours.codec.encode(ours.rules.responder.response(good, reply))))
    assert told == PAIRS, "credits were given and taken back: stated net, so told net"
    less = OwnSum(5, 110_000, 1, 20_000)
    bad = sheet.compared(message, stated, (given, given, less, taken, less))
    reply = ours.to_reply(bad, TAKEN, WALL_MS)
    assert (bad.balance, reply.code) == ("out", "5002")
    told = pairs_of(ours.codec.decode(ours.codec.encode(ours.rules.responder.response(bad, reply))))
    assert told[3:] == [(110_000, 5), (700, 1), (20_000, 1)]
    assert sheet.compared(message, stated, None).balance == "unknown"


def test_2003_has_its_currency_in_the_net_amount_or_from_the_profile() -> None:
    sheet = statements(version="2003")
    cents = sheet.read(IsoMessage("2500", SAID_2003 | {97: "D8402" + "0" * 16}))
    assert cents is not None
    assert (cents.currency, cents.lines[0].minor) == ("USD", 30_000)
    mills = sheet.read(IsoMessage("2500", SAID_2003 | {97: "D8403" + "0" * 16}))
    assert mills is not None
    assert mills.lines[0].minor == 3_000
    told = sheet.compared(
        IsoMessage("2500", SAID_2003 | {97: "D8403" + "0" * 16}), mills, (OwnSum(2, 3_000),) * len(mills.lines)
    )
    assert pairs_of(IsoMessage("2510", told.added))[0] == (30_000, 2), "in the decimals that it came with"
    bare = {number: value for number, value in SAID_2003.items() if number != 97}
    yen = statements(version="2003", currency_default="JPY").read(IsoMessage("2500", bare))
    assert yen is not None
    assert (yen.currency, yen.lines[0].minor) == ("JPY", 30_000)
    with pytest.raises(BadValue, match="DE 97: the currency"):
        sheet.read(IsoMessage("2500", bare))
    for changes, element in (({97: "DXXX0"}, "DE 97"), ({74: bytes(77)}, "DE 74"), ({97: "D9990" + "0" * 16}, "currency")):
        with pytest.raises(BadValue, match=element):
            sheet.read(IsoMessage("2500", SAID_2003 | changes))


def test_every_kind_with_a_processing_code_stands_in_one_column_at_most() -> None:
    for version in ("1987", "1993", "2003"):
        kinds = kinds_of(Iso8583Profile(version=version))
        assert set(kinds) == set(COLUMNS[version])
        flat = [kind for found in kinds.values() for kind in found]
        assert len(flat) == len(set(flat))
    assert "payment" in kinds_of(Iso8583Profile(version="1987"))["debits"]
    assert "payment" in kinds_of(Iso8583Profile(version="1993"))["payments"]
    assert "payment" not in kinds_of(Iso8583Profile(version="2003"))["debits"], "they have a number of their own, in DE 75"
    moved = kinds_of(default_profile(totals={"kinds": {"withdrawal": "credits", "deposit": "none"}}))
    assert "withdrawal" in moved["credits"]
    assert not any("deposit" in found for found in moved.values())


@pytest.mark.parametrize(
    ("changes", "element"),
    [({"50": None}, "DE 50"), ({"50": "000"}, "DE 49"), ({"15": "1399"}, "DE 15"), ({"88": "A" * 16}, "DE 88")],
)
def test_what_cannot_be_meant_is_a_format_error(changes: dict[str, str | None], element: str) -> None:
    fields: dict[int, str | bytes] = {int(n): v for n, v in (SAID | changes).items() if n != "t" and v is not None}
    with pytest.raises(BadValue, match=element):
        statements().read(IsoMessage("0500", fields))


def stated_of(message: IsoMessage) -> TotalsStated:
    stated = statements().read(message)
    assert stated is not None
    return stated


def test_the_balance_is_told_in_the_columns_that_were_stated() -> None:
    ours = make_dialect()
    message = from_stranger(SAID, "1987-ascii", ours)
    stated = stated_of(message)
    equal = (OwnSum(2, 30_000), OwnSum(5, 120_000, 1, 20_000), OwnSum(5, 120_000, 1, 20_000))
    good = statements().compared(message, stated, equal)
    reply = ours.to_reply(good, TAKEN, WALL_MS)
    answer = ours.rules.responder.response(good, reply)
    assert reply.code == "00"
    assert {n: answer.fields[n] for n in (66, 74, 76, 77, 86, 88, 89, 97)} == {
        66: "1",
        **{n: message.fields[n] for n in (74, 76, 77, 86, 88, 89, 97)},
    }
    less = (OwnSum(2, 30_000), OwnSum(4, 100_000), OwnSum(4, 100_000))
    assert statements().compared(message, stated, less).balance == "in", "given up and taken back is the same as never done"
    bad = statements().compared(message, stated, (OwnSum(), OwnSum(4, 90_000, 1, 9), OwnSum(4, 90_000, 1, 9)))
    reply = ours.to_reply(bad, TAKEN, WALL_MS)
    answer = ours.rules.responder.response(bad, reply)
    assert (reply.code, answer.fields[66], answer.fields[74], answer.fields[97]) == ("95", "2", "0" * 10, "D0000000000089991")
    none = ours.to_reply(statements().compared(message, stated, None), TAKEN, WALL_MS)
    assert (none.code, none.data) == ("00", b"")
    late = make_dialect(version="1993")
    assert late.to_reply(statements(version="1993").compared(message, stated, None), TAKEN, WALL_MS).code == "503"


@given(st.integers(0, 10**15), st.integers(0, 10**15), st.integers(0, 10**9), st.integers(0, 10**9))
def test_whatever_we_count_can_be_written(debits: int, credits_: int, count: int, back: int) -> None:
    ours = make_dialect()
    message = from_stranger(SAID, "1987-ascii", ours)
    own = OwnSum(count, debits, back, back)
    compared = statements().compared(message, stated_of(message), (OwnSum(count, credits_), own, own))
    raw = ours.speaker.write(ours.rules.responder.response(compared, ours.to_reply(compared, TAKEN, WALL_MS)))
    decoded, _ = iso8583.decode(raw[4:], spec_of("1987-ascii"))
    assert int(decoded["88"]) == debits
    assert int(decoded["86"]) == credits_
    net = debits - back - credits_
    assert (decoded["97"][0], int(decoded["97"][1:])) == ("D" if net >= 0 else "C", abs(net))


def test_no_card_data_is_in_a_statement() -> None:
    """A canary: a sender that puts a card into everything that may hold one."""
    fields: dict[int, str | bytes] = {int(n): v for n, v in SAID.items() if n != "t"}
    fields |= {2: PAN, 35: f"{PAN}=3012", 45: f"B{PAN}^X^3012", 48: PAN, 34: PAN}
    assert PAN not in repr(statements().read(IsoMessage("0500", fields)))
