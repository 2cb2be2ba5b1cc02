"""The kinds of a file's records; their dates are seen in test_translate.py."""

from __future__ import annotations

from protocols.zengin.file.kinds import FileKinds, business_date
from protocols.zengin.format.record import Record
from tests.support.zenginlink import BANK, COMPANY, profile


def test_a_kind_follows_the_format_the_profile_and_whether_it_is_of_results() -> None:
    files = [{"name": "FURIKAE", "format": {"formats": ["91"], "debit_results": True}}, {"name": "SOUFURI"}]
    kinds = FileKinds(profile(BANK, COMPANY, files=files, kind_of={"12": "gift"}))
    assert kinds.of("21", "SOUFURI") == "bulk-transfer"
    assert kinds.of("12", "SOUFURI") == "gift"
    assert kinds.of("91", "SOUFURI") == "direct-debit"
    assert kinds.of("91", "FURIKAE") == "direct-debit-result"
    assert kinds.of("99", "SOUFURI") is None


def test_a_date_that_is_none_is_none() -> None:
    assert business_date("21", Record("1", {"date_mmdd": "1332"}), "20261125") is None
    assert business_date("01", Record("1", {}), "20261125") is None
