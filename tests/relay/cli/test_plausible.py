"""The right pair of dialect and framing wins, and says why."""

from __future__ import annotations

import pytest

from protocols.framing import FRAMINGS, wrap
from protocols.iso8583.message import IsoMessage, Value
from relay.cli.plausible import NO_FRAMING, Bytes, cut_stream, fits, is_moment, judge, passes_luhn
from tests.support.isomessages import CODECS

PAN = "4111111111111111"
OLD: dict[int, Value] = {
    2: PAN, 3: "011000", 4: "000000010000", 7: "0604123456", 11: "000001", 12: "123456", 13: "0604",
    22: "051", 35: f"{PAN}=2912", 41: "TERMID01", 42: "MERCHANT0000001", 49: "392", 52: b"\x01\x23\x45\x67\x89\xab\xcd\xef",
}  # fmt: skip
NEW: dict[int, Value] = {
    2: PAN, 3: "011000", 4: "000000010000", 7: "0604123456", 11: "000001", 12: "260604123456", 24: "200",
    41: "TERMID01", 42: "MERCHANT0000001", 49: "392",
}  # fmt: skip
NEWEST = NEW | {4: "3920000000010000", 11: "000000000001", 12: "20260604123456", 41: "TERMID01".ljust(16), 49: b"\x01"}
MESSAGES = {"1987": IsoMessage("0200", OLD), "1993": IsoMessage("1200", NEW), "2003": IsoMessage("2200", NEWEST)}
ALL = [NO_FRAMING, *FRAMINGS]


@pytest.mark.parametrize("framing", [NO_FRAMING, "ascii4", "nac", "binary2", "hex4", "vap", "bcd2", "base24-tcp", "cmf", "rbp"])
@pytest.mark.parametrize("version", ["1987", "1993", "2003"])
@pytest.mark.parametrize("encoding", ["ascii", "bcd", "ebcdic"])
def test_the_right_pair_wins(version: str, encoding: str, framing: str) -> None:
    name = f"{version}-{encoding}"
    body = CODECS[name].encode(MESSAGES[version])
    stream = body if framing == NO_FRAMING else wrap(FRAMINGS[framing], body) * 3
    best = fits([Bytes("", ((0, stream),))], CODECS, ALL)[0]
    assert best.is_whole
    codec = CODECS[best.dialect]
    cut = best.streams[0].cuts[0]
    # Several overlays can read the same bytes; what counts is that they mean the same.
    assert codec.decode(cut.body) == MESSAGES[version]
    assert best.dialect.startswith(version)
    if framing not in ("binary2", "nac"):
        wanted = {"hex4": "hex4", "rbp": "rbp"}.get(framing, framing)
        assert (best.framing, best.frame_count) == (wanted, 1 if framing == NO_FRAMING else 3) or cut.body == body
    assert f"type says {version}" in best.reasons


def test_reasons_are_those_of_a_person() -> None:
    said = dict(judge(CODECS["1987-ascii"], MESSAGES["1987"]))
    assert set(said) == {
        "type 0200 exists",
        "type says 1987",
        "DE 7 is a date and time of transmission",
        "DE 12 is a local time",
        "DE 13 is a local date",
        "DE 2 passes the Luhn check",
        "DE 49 is JPY",
        "all text is printable",
    }
    odd = IsoMessage("5970", {7: "9999999999", 39: "00", 41: "\0" * 8, 49: "000", 55: b"\xff"})
    against = judge(CODECS["1987-ascii"], odd)
    assert all(mark < 0 for _, mark in against)
    assert len(against) == 6


def test_a_named_dialect_is_believed() -> None:
    odd = IsoMessage("0200", OLD | {7: "9999999999", 12: "999999", 49: "000"})
    stream = Bytes("", ((0, CODECS["1987-ascii"].encode(odd)),))
    named = fits([stream], {"1987-ascii": CODECS["1987-ascii"]}, [NO_FRAMING])[0]
    assert named.is_whole
    guessed = {fit.dialect: fit for fit in fits([stream], CODECS, [NO_FRAMING])}["1987-ascii"]
    assert guessed.read_count == 0
    assert "1 more could be read, as nonsense" in guessed.reasons


def test_no_frame_no_fit() -> None:
    assert fits([Bytes("", ((0, b"zz"),))], CODECS, ["ascii4"]) == []


def test_the_nearest_is_the_one_that_got_farthest() -> None:
    body = CODECS["1987-ascii"].encode(MESSAGES["1987"])[:-4]
    best = fits([Bytes("", ((0, body),))], CODECS, [NO_FRAMING])[0]
    assert best.read_count == 0  # though one dialect can read it, with a time and a currency that are none
    assert best.dialect.startswith(("1987-ascii", "1987-utf8"))
    assert 0.5 < best.progress < 1


def test_cutting_begins_again_where_the_beginning_is_missing() -> None:
    framed = wrap(FRAMINGS["ascii4"], b"whole")
    pieces = ((1, b"he end of a frame"), (2, framed), (3, framed[:5]))
    cut = cut_stream(Bytes("", pieces, is_start=False), "ascii4")
    assert [(one.time_ns, one.body) for one in cut.cuts] == [(2, b"whole")]
    assert cut.problem == "5 bytes of an unfinished frame at the end"
    assert cut_stream(Bytes("", pieces), "ascii4").cuts == ()


@pytest.mark.parametrize(
    ("number", "text", "is_one"),
    [
        (7, "0604123456", True),
        (7, "1304123456", False),
        (7, "0604243456", False),
        (12, "235959", True),
        (12, "236000", False),
        (12, "260604123456", True),
        (12, "20260604123456", True),
        (12, "20261304123456", False),
        (13, "1231", True),
        (13, "0990", False),
        (13, "x", False),
    ],
)
def test_moments(number: int, text: str, is_one: bool) -> None:
    assert is_moment(number, text) == is_one


def test_luhn() -> None:
    assert passes_luhn(PAN)
    assert passes_luhn("79927398713")
    assert not passes_luhn("4111111111111112")
