"""The center behind the port: telegrams that were taken are in the ledger once, on their account; outward ones by amount."""

from __future__ import annotations

from relay.loopback.centerbooks import Known
from relay.loopback.report import LedgerLine
from relay.loopback.troupe import Part
from relay.loopback.zrctroupe import ACCOUNTS, ZrcTroupe


def troupe() -> ZrcTroupe:
    return ZrcTroupe(Part(terminals=1, rate_per_s=4.0), with_faults=False)


def line(serial: int, minor: int, account: str = ACCOUNTS[0], day: str = "20261125") -> LedgerLine:
    return LedgerLine(f"bank:zrc:0005:{day}:{serial}", "RC", str(serial), minor, account, "interbank-transfer")


async def test_telegrams_against_the_ledger() -> None:
    one = troupe()
    taken, sent = one.books.order("0005", 1, ACCOUNTS[0], 700), one.books.order("0005", 2, ACCOUNTS[0], 800)
    taken.known, sent.known = Known.TAKEN, Known.SENT
    assert one.conserve([line(1, 700)], [], []).holds, "what is only sent may be there or not"
    assert one.conserve([line(1, 700), line(2, 800)], [], []).holds
    assert one.conserve([line(2, 800)], [], []).lost == 1
    assert one.conserve([line(1, 700), line(1, 700, day="20261126")], [], []).doubled == 1
    assert one.conserve([line(1, 700), line(9, 5)], [], []).lost == 1
    assert one.tally.violation_count == 1, "telegram 9 names no account at the center"
    one.conserve([line(1, 700, ACCOUNTS[1])], [], [])
    assert "posted to an account that it does not name" in one.tally.violations[-1]


async def test_outward_telegrams_are_known_by_their_amount() -> None:
    one = troupe()
    first, second = one.next_post(), one.next_post()
    assert first is not None
    assert second is not None
    one.books.take(5, "1000", "0005-002-1-7654321", int(first.mark))
    one.books.take(6, "9100", "", 1)  # an enquiry is no transfer
    assert one.heard() == {("", first.mark): 1}
    assert first.mark != second.mark
    one.books.take(5, "1000", "", int(first.mark))
    one.conserve([], [], [])
    assert "more than once" in one.tally.violations[0]


async def test_requests_wait_until_the_relay_took_them() -> None:
    one = troupe()
    one.open_doors()
    one.close_doors()
    assert (one.present_count(), one.peer_count(), one.unsettled_count()) == (0, 1, 0)
