"""ATMs behind the port: cutovers go round the terminals with a date of their own, and what an ATM heard is in its book."""

from __future__ import annotations

from protocols.iso8583.message import IsoMessage
from relay.loopback.customers import Customers
from relay.loopback.deeds import AtmPolicy
from relay.loopback.isotroupe import IsoTroupe
from relay.loopback.report import LedgerLine
from relay.loopback.troupe import HOST, Part


def troupe(terminals: int = 2) -> IsoTroupe:
    return IsoTroupe(Part(terminals=terminals, rate_per_s=1.0), Customers(), AtmPolicy(), (HOST, 1))


async def test_each_round_of_cutovers_has_its_own_date() -> None:
    posts = [troupe_post for one in [troupe()] for troupe_post in (one.next_post() for _ in range(4))]
    assert [(post.line, post.mark) for post in posts if post is not None] == [
        ("ATM00001", "201/0101"),
        ("ATM00002", "201/0101"),
        ("ATM00001", "201/0102"),
        ("ATM00002", "201/0102"),
    ]


async def test_what_an_atm_heard_is_called_as_the_post_called_it() -> None:
    one = troupe(1)
    post = one.next_post()
    assert post is not None
    heard = IsoMessage("0800", {7: "1125120000", 11: "000001", 15: "0101", 70: "201"})
    one.fleet.terminals[0].mind.received(heard, 0)
    assert one.heard() == {(post.line, post.mark): 1}


async def test_its_books_are_held_against_the_ledger() -> None:
    one = troupe()
    act = one.books.begin("ATM00001", "000001", "withdrawal", "A", 5_000)
    act.paid = 5_000
    assert one.conserve([], [], []).lost == 1
    one.tally.totals_in_balance = 3
    assert one.extras() == {
        "cash_paid_minor": 5_000,
        "cash_taken_minor": 0,
        "totals_in_balance": 3,
        "totals_out_of_balance": 0,
    }
    assert one.conserve([LedgerLine("k", "ATM00001", "000001", -5_000, "A")], [], []).ledger_minor == -5_000
