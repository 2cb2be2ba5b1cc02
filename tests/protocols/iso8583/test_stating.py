"""A 05xx on its way: durable first, then taken; what failed or contradicts is refused; a repeat waits with its first."""

from __future__ import annotations

import pytest

from protocols.dialect import Ask, Note, Refuse
from protocols.iso8583.message import IsoMessage
from protocols.iso8583.stating import WAITING_MAX
from protocols.iso8583.totals import Reconciliation
from protocols.totals import OwnSum, TotalsKept, TotalsStated
from protocols.vocabulary import Refusal
from tests.support.isolink import arrived, make_dialect
from tests.support.isoplay import ISO, OPENED, answer_in, play, signed_on
from tests.support.playbook import like

COMPARED = make_dialect(totals={"answer": "compared"})
FIELDS: dict[int, str | bytes] = {7: "1105010203", 12: "100203", 13: "1105", 41: "ATM00001", 50: "392", 76: "0000000001"}
FIELDS |= {88: "0000000000010000"}


def totals(trace: int = 5, mti: str = "0500", **changes: str) -> IsoMessage:
    fields = FIELDS | {11: f"{trace:06}"} | {int(n[1:]): value for n, value in changes.items()}
    return IsoMessage(mti, dict(sorted(fields.items())))


def test_durable_first_then_taken() -> None:
    with signed_on() as book:
        book >> arrived(ISO, totals())
        stated = book.take(TotalsStated)
        assert not book.dialogue.is_idle, "a drain waits for it"
        book >> arrived(ISO, totals(mti="0501"))  # repeated before the first was on disk
        book >> TotalsKept(stated.id, "kept") << Note("totals-kept", "ATM00001") << Ask(totals()) << Ask(totals(mti="0501"))
        assert book.dialogue.is_idle
        book >> TotalsKept(stated.id, "kept")  # nobody waits any more


@pytest.mark.parametrize(("result", "reason"), [("failed", Refusal.NO_JOURNAL), ("conflict", Refusal.KEY_CONFLICT)])
def test_what_is_not_ours_is_not_acknowledged(result: str, reason: Refusal) -> None:
    with signed_on() as book:
        book >> arrived(ISO, totals())
        stated = book.take(TotalsStated)
        book >> TotalsKept(stated.id, result) << Note(f"totals-{result}", "ATM00001")  # type: ignore[arg-type]
        refuse = book.take(Refuse)
        assert refuse.reason is reason
        assert answer_in(ISO, refuse).mti == "0510"


def test_over_a_limit_it_is_taken_all_the_same() -> None:
    with signed_on() as book:
        book >> arrived(ISO, totals())
        stated = book.take(TotalsStated)
        book >> TotalsKept(stated.id, "full") << Note("totals-full", "ATM00001") << Ask(totals())


def test_other_figures_under_a_trace_that_waits_are_refused() -> None:
    with signed_on() as book:
        book >> arrived(ISO, totals())
        book.take(TotalsStated)
        book >> arrived(ISO, totals(mti="0501", f88="0" * 16)) << like(Refuse, reason=Refusal.KEY_CONFLICT)


def test_as_many_wait_as_may_and_one_more_is_refused() -> None:
    with signed_on() as book:
        for trace in range(WAITING_MAX):
            book >> arrived(ISO, totals(trace))
            book.take(TotalsStated)
        book >> arrived(ISO, totals(WAITING_MAX)) << like(Refuse, reason=Refusal.OVERLOADED)


def test_the_profile_wants_ours_and_the_message_carries_them_to_its_answer() -> None:
    with signed_on(COMPARED) as book:
        book >> arrived(COMPARED, totals())
        stated = book.take(TotalsStated)
        assert stated.wants_ours
        book >> TotalsKept(stated.id, "kept", (OwnSum(1, 10_000),))
        book.take(Note)
        asked = book.take(Ask).message
        assert isinstance(asked, Reconciliation)
        assert (asked.balance, asked.added[66], asked.fields) == ("in", "1", totals().fields)


def test_without_totals_it_is_an_advice_as_ever_and_without_sign_on_it_is_nothing() -> None:
    bare = IsoMessage("0520", {n: v for n, v in totals().fields.items() if n < 70})
    with signed_on() as book:
        book >> arrived(ISO, bare) << Ask(bare)
        book >> arrived(ISO, totals(f50="000")) << like(Refuse, reason=Refusal.FORMAT_ERROR)
    with play() as book:
        book >> OPENED
        book.rest()
        book >> arrived(ISO, totals()) << like(Refuse, reason=Refusal.NOT_SIGNED_ON)
