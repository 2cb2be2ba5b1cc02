"""Reports on the shelf, one of them as it is signed, and the signature for whoever may give it."""

from __future__ import annotations

import msgspec

from relay.console.identity import Role
from relay.console.pages.reports import report_one, reports
from relay.reconcile.plain import as_text
from relay.reconcile.report import Layer, Report
from tests.support.consoleroom import assert_page, frame, words_of

AGREES = Report(number=1, layer=Layer.DAILY, business_date="2026-11-24", center="tokyo", made_ms=1_000, is_whole=True)
DIFFERS = msgspec.structs.replace(AGREES, number=2, left_out=3)
BROKEN = msgspec.structs.replace(AGREES, number=3, is_whole=False, layer=Layer.CORRECTION)
SIGNED = msgspec.structs.replace(DIFFERS, number=4, signed_by="<b>sato", signed_ms=2_000)


def test_the_shelf() -> None:
    made = reports(frame("/reports"), [SIGNED, BROKEN, DIFFERS, AGREES], 40)
    assert_page(made)
    said = words_of(made)
    assert "The newest 4 of 40 reports" in said
    for word in ("not whole", "differs", "agrees", "business date", "terminals with movement"):
        assert word in said
    assert "&lt;b&gt;sato" in made
    assert "/deed/reconcile-now" in made
    assert "/deed/" not in reports(frame("/reports", Role.VIEWER), [], 0)


def test_one_is_signed_once_and_by_an_approver() -> None:
    made = report_one(frame("/reports/one", Role.APPROVER), DIFFERS, as_text(DIFFERS))
    assert_page(made)
    assert "/deed/reconcile-sign?number=2" in made
    assert "2026-11-24" in made
    assert "/deed/" not in report_one(frame("/reports/one", Role.OPERATOR), DIFFERS, "x")
    signed = report_one(frame("/reports/one"), SIGNED, "x <i>")
    assert "/deed/" not in signed
    assert "x &lt;i&gt;" in signed
