"""A plan says what the precise way says, or nothing: for any values, in any profile; and the usual messages do have one."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from protocols.iso8583.dialect import default_profile
from protocols.iso8583.mapping import Currencies
from protocols.iso8583.message import IsoMessage, Value
from protocols.iso8583.profile import Iso8583Profile
from protocols.iso8583.request_plan import RequestPlan, compile_request
from protocols.iso8583.translate import ToRequest, compile_rows, compile_to_request
from protocols.vocabulary import Received, Refusal, Request
from tests.support.isolink import PAN, WALL_MS, received, reversal, withdrawal, withdrawal_1993, withdrawal_2003

PROFILES: dict[str, Iso8583Profile] = {
    "1987": default_profile(),
    "1987-wide-key": default_profile(
        key={"terminal": "42+41", "acquirer": "none", "date": "12+13"},
        currency_default="USD",
        currency_exponents={"JPY": 2},
        business_date="13",
        kinds={"withdrawal": {"doubt": "undo", "amount": "optional", "completion": True}},
        extra_fields={"from_account_type": 60, "note": 61},
    ),
    "1987-by-time": default_profile(key={"date": "7"}, currency_default="JPY", business_date="none"),
    "1993": default_profile(version="1993"),
    "2003": default_profile(version="2003"),
}
SAMPLES = {"1987": withdrawal, "1993": withdrawal_1993, "2003": withdrawal_2003}
NEVER = 10**9
PRECISELY: dict[str, ToRequest] = {
    name: compile_to_request(profile, plan_after_count=NEVER) for name, profile in PROFILES.items()
}

TRACKS = st.sampled_from([
    f"{PAN}=30121011234", f"{PAN}D3012101", f";{PAN}=3012?", f"{PAN}=30", f"{PAN}=3012?F", f"={PAN}", PAN, "=", "",
    "B;4111=12\u0663\u0664", f"%B{PAN}^NAME^3012", f"02{PAN}=3012", "B^", f"{PAN}0000=3012",
])  # fmt: skip
DIGITS = st.text("0123456789", max_size=16)
# What an element usually holds, and what it may hold when something is odd.
USUAL: dict[int, st.SearchStrategy[Value]] = {
    2: st.sampled_from([PAN, "4111111111111111", "4" * 20, "", "4111 1111", "\u0664" * 16]),
    4: st.sampled_from(
        ["000000010000", "000000000000", "3920000000010000", "9990000000010000", "00000001000X", "1_0", " 1", ""]
    ),
    7: st.sampled_from(["1105010203", "0229010203", "11050102", "1105010203 "]),
    11: st.sampled_from(["000002", "000002 ", "", "00 02", "\u0662" * 6]),
    12: st.sampled_from(["100203", "261105100203", "20261105100203", "261305100203", "10:203"]),
    13: st.sampled_from(["1105", "1106", "0231", "0000", "110", " 1105"]),
    14: st.sampled_from(["3012", "", "x"]),
    15: st.sampled_from(["1105", "261105", "20261105", "0000", "1399"]),
    22: st.sampled_from(["051", "", b"\x05\x1f"]),
    23: st.sampled_from(["001", ""]),
    32: st.sampled_from(["440011", "00440011", "0000", "", " 12 ", "a-b", "\xe9"]),
    35: TRACKS,
    36: TRACKS,
    41: st.sampled_from(["ATM00001", "ATM-0001", " ATM1 ", "        ", "", "\xe9tm", "T/:1"]),
    42: st.sampled_from(["BRANCH 000001  ", "   ", "x" * 250]),
    45: TRACKS,
    49: st.sampled_from(["392", "840", "JPY", "959", "000", ""]),
    52: st.sampled_from([b"\x12\xab", "12ab", b""]),
    55: st.sampled_from([b"\x9f\x02", "9f02"]),
    102: st.sampled_from(["998877", PAN, "  ", f" {PAN} "]),
    103: st.sampled_from(["998877", PAN, "  "]),
}
ANYTHING = st.one_of(DIGITS, st.text(max_size=8), st.binary(max_size=8))
OPTIONAL = sorted({*USUAL, 18, 24, 25, 33, 37, 38, 43, 48, 60, 61, 90} - {11, 41})


def plan_for(name: str, message: IsoMessage) -> RequestPlan | None:
    profile = PROFILES[name]
    return compile_request(profile, compile_rows(profile), Currencies(profile.currency_exponents), message.mti, message.fields)


def agree(planned: Request | None, precise: Request | Refusal) -> None:
    if planned is not None:
        assert planned == precise
        assert isinstance(precise, Request)
        assert list(planned.extra.items()) == list(precise.extra.items())


@st.composite
def drawn(draw: st.DrawFn, name: str, sample: IsoMessage) -> dict[int, Value]:
    """Values for the elements of `sample`: most as they are, some other usual ones, some of any kind."""
    fields = dict(sample.fields)
    for number in draw(st.lists(st.sampled_from(sorted(fields)), max_size=4)):
        if number != 3:
            fields[number] = draw(USUAL.get(number, ANYTHING) if draw(st.integers(0, 4)) else ANYTHING)
    return fields


@given(st.sampled_from(sorted(PROFILES)), st.data())
@settings(max_examples=500)
def test_a_plan_agrees_with_the_precise_way_or_is_silent(name: str, data: st.DataObject) -> None:
    base = SAMPLES[PROFILES[name].version]()
    changes = dict.fromkeys(data.draw(st.sets(st.sampled_from(OPTIONAL), max_size=5)))
    for number in changes:  # taken away, or put there
        changes[number] = None if number in base.fields else data.draw(USUAL.get(number, ANYTHING))
    code = data.draw(st.sampled_from(["011000", "010000", "001020", "300000", "210030", "311099", "01", "0110", "990000"]))
    mti = base.mti[0] + data.draw(st.sampled_from(["200", "200", "201", "100", "205", "220", "420", "800"]))
    sample = SAMPLES[PROFILES[name].version](mti, {**changes, 3: code})
    plan = plan_for(name, sample)
    if plan is None:
        return
    moment = Received(
        WALL_MS + data.draw(st.integers(0, 400)) * 86_400_000, "atms", data.draw(st.sampled_from(["bank", "b" * 230]))
    )
    for _ in range(3):
        fields = data.draw(drawn(name, sample))
        agree(plan(fields, moment), PRECISELY[name](IsoMessage(mti, fields), moment))


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {35: f"{PAN}=30121011234"},
        {14: None, 35: f"{PAN}=30121011234"},
        {2: None, 35: f"{PAN}D30121011234", 14: None},
        {2: None, 14: None, 3: "300000", 4: None, 49: None},
        {22: "051", 52: b"\x12\xab", 55: b"\x9f\x02", 23: "001"},
        {22: b"\x05\x1f", 45: f"B{PAN}^N^", 36: "02=", 52: "12ab"},
        {102: PAN, 103: "998877"},
        {32: None, 15: "1105", 42: None},
        {41: "ATM-0001", 11: "000777", 12: None},
    ],
)
@pytest.mark.parametrize("mti", ["0200", "0201", "0100"])
def test_the_usual_has_a_plan_that_speaks(mti: str, changes: dict[int, Value | None]) -> None:
    message = withdrawal(mti, changes)
    plan = plan_for("1987", message)
    assert plan is not None
    planned = plan(message.fields, received())
    assert planned is not None
    agree(planned, PRECISELY["1987"](message, received()))


@pytest.mark.parametrize("name", sorted(PROFILES))
def test_every_profile_has_plans_that_speak(name: str) -> None:
    message = SAMPLES[PROFILES[name].version]()
    if name == "1987-wide-key":  # it writes yen with two decimals, which the precise way converts
        message = withdrawal("0200", {49: None, 60: "x", 61: b"\x0f"})
    plan = plan_for(name, message)
    assert plan is not None
    assert plan(message.fields, received()) == PRECISELY[name](message, received())


@pytest.mark.parametrize(
    "message",
    [
        withdrawal("0220"),
        reversal(withdrawal()),
        withdrawal("0800"),
        withdrawal("1200"),
        withdrawal("0200", {3: "990000"}),
        withdrawal("0200", {3: None}),
        withdrawal("0200", {4: None}),
        withdrawal("0200", {13: None}),
        withdrawal("0200", {41: None}),
        withdrawal("0200", {49: None}),  # no currency to assume
        withdrawal("0200", {2: b"4000"}),
        withdrawal("0200", {2: None, 45: f"B{PAN}^NAME^3012"}),
    ],
)
def test_what_stays_with_the_precise_way(message: IsoMessage) -> None:
    assert plan_for("1987", message) is None


def test_nothing_of_a_message_is_in_the_source_of_a_plan() -> None:
    message = withdrawal("0200", {35: f"{PAN}=3012", 102: "998877"})
    plan = plan_for("1987", message)
    assert plan is not None
    code = plan.__code__  # type: ignore[attr-defined]  # a function
    assert not {str(value) for value in message.fields.values()} & {str(constant) for constant in code.co_consts}
    assert not {str(value) for value in message.fields.values()} & {str(value) for value in plan.__globals__.values()}  # type: ignore[attr-defined]


def test_a_shape_that_came_often_is_translated_as_before() -> None:
    warm = compile_to_request(PROFILES["1987"], plan_after_count=2)
    for trace in ("000001", "000002", "000003", "000004"):
        for message in (
            withdrawal("0200", {11: trace}),
            withdrawal("0200", {11: trace, 13: "0231"}),
            withdrawal("0220", {11: trace}),
        ):
            assert warm(message, received()) == PRECISELY["1987"](message, received())
