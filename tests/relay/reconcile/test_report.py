"""The report that a person signs."""

from __future__ import annotations

import pytest

from relay.reconcile.matcher import Difference, Ending, What
from relay.reconcile.page import as_html
from relay.reconcile.plain import as_text
from relay.reconcile.report import Layer, Report, digest_of, sign

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


def test_the_page_escapes_and_needs_nothing_from_outside() -> None:
    page = as_html(REPORT)
    assert "<script" not in page
    assert "&lt;script&gt;" in page
    assert "\x1b" not in page
    assert "http" not in page
    assert "src=" not in page
    assert "Signature" in page
    assert "Signature" not in as_html(sign(REPORT, "Sato", "seen", 5))


def test_the_text_says_everything() -> None:
    text = as_text(sign(REPORT, "Sato", "seen", 5))
    for word in ("2025-11-26", "missing, listed", "why & why", "Sato", "1 for a person"):
        assert word in text
    assert "\x1b" not in text


def test_an_unfinished_listing_is_shouted() -> None:
    broken = Report(
        number=1, layer=Layer.DAILY, business_date="2025-11-26", center="t", made_ms=0, is_whole=False, trouble="circles"
    )
    assert "NOT WHOLE: circles" in as_text(broken)
    assert "class=bad" in as_html(broken)
