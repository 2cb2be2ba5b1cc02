"""The report that a person signs."""

from __future__ import annotations

from hashlib import sha256

import msgspec
import pytest

from relay.reconcile.balance import DayTotals
from relay.reconcile.centers import OfCenter
from relay.reconcile.matcher import Difference, Ending, What
from relay.reconcile.report import Layer, Report, digest_of, facts, sign

LISTED = Difference(
    what=What.MISSING, key="k<script>", terminal="ATM\x1b1", kind="withdrawal", why="why & why", ending=Ending.LISTED
)
REPORT = Report(
    number=3, layer=Layer.DAILY, business_date="2025-11-26", center="tokyo", made_ms=0, is_whole=True, differences=(LISTED,)
)


def test_a_signature_needs_name_and_remark_and_is_given_once() -> None:
    for who, remark in (("", "seen"), ("Sato", " ")):
        with pytest.raises(ValueError, match="name and a remark"):
            sign(REPORT, who, remark, 5)
    signed = sign(REPORT, "Sato", "refunded by hand", 5)
    assert signed.digest == digest_of(REPORT) == digest_of(signed)
    with pytest.raises(ValueError, match="never changes"):
        sign(signed, "Ito", "again", 6)


def test_what_older_reports_do_not_have_is_not_in_their_digest() -> None:
    """The digest is of the report as JSON, so a report of before there were totals keeps the digest it was signed with."""
    assert b"totals" not in msgspec.json.encode(REPORT)
    assert b"others" not in msgspec.json.encode(REPORT)
    assert digest_of(REPORT) == sha256(msgspec.json.encode(REPORT)).hexdigest()
    with_totals = msgspec.structs.replace(REPORT, totals=DayTotals(differs=2))
    assert digest_of(with_totals) != digest_of(REPORT)
    assert digest_of(with_totals) != digest_of(msgspec.structs.replace(REPORT, totals=DayTotals(differs=1)))


def test_what_is_the_other_centers_is_said_by_name() -> None:
    assert "Of the other center" not in dict(facts(REPORT))
    said = msgspec.structs.replace(REPORT, others=OfCenter("osaka", 1_234))
    assert dict(facts(said))["Of the other center"] == "1,234 lines of osaka, for its own report"
    both = msgspec.structs.replace(REPORT, others=OfCenter("osaka", 1_234, 2))
    assert dict(facts(both))["Of the other center"].endswith("; 2 more are here, too, and compared")
    assert digest_of(said) != digest_of(both)
    assert msgspec.msgpack.decode(msgspec.msgpack.encode(both), type=Report) == both


def test_what_differs_in_totals_is_listed_too() -> None:
    assert REPORT.listed == 1
    report = msgspec.structs.replace(REPORT, totals=DayTotals(differs=2))
    assert report.listed == 3
    assert dict(facts(report))["Differences"] == "1 of messages, 2 of totals; 3 for a person"
    assert msgspec.msgpack.decode(msgspec.msgpack.encode(report), type=Report) == report
