"""NDC machines behind the port: what customers carried away is what the ledger must have lost, and journals are somewhere."""

from __future__ import annotations

from relay.loopback.customers import Customers
from relay.loopback.ndctroupe import NdcTroupe
from relay.loopback.report import LedgerLine, Listed
from relay.loopback.troupe import Part

TERMINAL = "000@127.0.1.1"


def troupe() -> NdcTroupe:
    return NdcTroupe(Part(terminals=2, rate_per_s=4.0), Customers(), 1)


def paid(one: NdcTroupe) -> None:
    """1,000 yen ordered and carried away under TSN 0001."""
    machine = one.books.machines[TERMINAL]
    act = one.books.begin(TERMINAL, "A", 1_000)
    act.tsn, act.ended = "0001", "paid"
    machine.stack((1, 0, 0, 0))
    machine.hand_over(act, (1, 0, 0, 0))


def line(minor: int, kind: str = "withdrawal", trace: str = "0001") -> LedgerLine:
    return LedgerLine(f"bank:ndc:{kind}:{trace}:{minor}", TERMINAL, trace, minor, "A", kind)


async def test_notes_and_ledger_must_be_equal_or_listed() -> None:
    one = troupe()
    paid(one)
    assert one.conserve([line(-1_000), line(0, trace="0002")], [], []).holds
    assert one.conserve([], [], []).lost == 1
    assert one.conserve([line(-1_000), line(-2_000)], [], []).doubled == 1
    more = [line(-1_000), line(-3_000, trace="0002")]  # posted, and the machine never dispensed
    assert one.conserve(more, [], []).lost == 1
    assert one.conserve(more, [Listed(more[1].key)], []).holds
    assert one.tally.violation_count == 0


async def test_notes_that_are_nowhere_and_journal_blocks_that_are_nowhere_are_violations() -> None:
    one = troupe()
    one.books.machines[TERMINAL].cassettes[0] -= 1
    one.tally.blocks_acknowledged = [(TERMINAL, "000100"), (TERMINAL, "000200")]
    one.conserve([line(0, "journal-upload", "000100")], [], [])
    assert len(one.tally.violations) == 2
    assert "notes nowhere" in one.tally.violations[0]
    assert "000200" in one.tally.violations[1]


async def test_commands_go_round_the_machines() -> None:
    one = troupe()
    posts = [one.next_post() for _ in range(3)]
    assert [post.line for post in posts if post is not None] == [TERMINAL, "000@127.0.1.2", TERMINAL]
    assert one.room.settings.think_ms == 500
