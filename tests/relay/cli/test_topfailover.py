"""The failover room in a terminal: three gates, the clock, what to type; between runs the plans."""

from __future__ import annotations

import msgspec

from relay.cli.screen import Paint, width
from relay.cli.spans import fit
from relay.cli.topfailover import failover, run_line
from relay.cli.topsnap import Snapshot
from relay.cli.topwords import words_of
from relay.failover import events as e
from relay.failover.approvals import missing_roles
from relay.failover.bankday import BankClock
from relay.failover.cosign import LoneRow
from relay.failover.damage import Damaged
from relay.failover.people import Person
from relay.failover.view import RunView, view_of
from tests.support.failoverbook import Book
from tests.support.toproom import STATUS, run_view, snapshot


def page(view: RunView | None, columns: int = 200, **changes: object) -> str:
    shown: Snapshot = snapshot(run=view, **changes)
    return "\n".join(fit(line, columns, Paint(False)) for line in failover(shown, words_of("en")))


def test_gates_are_passed_open_or_ahead() -> None:
    book = Book()
    book.to_gate(2)
    book.write(book.approved(2, "Baba", "operations"))
    said = page(run_view(book))
    for expected in (
        "gate 1 initiation: passed",
        "gate 2 continuation: OPEN",
        "waits for business",
        "approved by Baba operations",
        "gate 3 release: ahead",
        "it can be called off",
        "a bank day",
    ):
        assert expected in said, expected
    assert missing_roles(book.run.gate(), book.time.wall_ms()) == ("business",)  # type: ignore[arg-type]


def test_what_was_seen_at_the_last_gate_is_not_shown_as_of_now() -> None:
    book = Book()
    book.to_gate(2)
    assert " evidence tokyo: " in page(run_view(book))
    book.write(e.AbortAsked(who="Doi", why="it is back"))
    assert " evidence at the last gate tokyo: " in page(run_view(book))


def test_the_line_to_type_is_whole_in_eighty_columns_and_is_taken() -> None:
    book = Book()
    book.to_gate(2)
    view = run_view(book)
    assert view.gate is not None
    line = next(line for line in page(view, 80).splitlines() if "relay failover approve" in line)
    assert line.split() == f"relay failover approve 2 --seen {view.gate.binding[:12]} --role ROLE --who NAME --why WHY".split()
    assert width(line) <= 80


def test_trouble_is_said() -> None:
    book = Book()
    book.to_gate(2)
    book.write(book.approved(2, "Baba", "operations"))
    book.write(e.PeerAway(why="cut"))
    book.write(e.Held(who="Doi", why="look at the core"))
    book.wait(301_000)
    view = msgspec.structs.replace(run_view(book), stopped="superseded")
    said = page(view)
    for expected in (
        "HELD Doi: look at the core",
        "THE PEER HAS NO COPY",
        "STOPPED: superseded",
        "STALE, to be given anew",
        "wait for the next",
    ):
        assert expected in said, expected


def test_who_has_signed_and_who_is_missing_stands_there_with_the_line_to_type() -> None:
    book = Book()
    book.to_gate(2)
    book.write(book.approved(2, "Baba", "operations"))
    people = [Person(name="Baba", roles=("operations", "business")), Person(name="Chiba", roles=("business",))]
    now_ms = book.time.wall_ms()
    view = view_of(book.run, book.keeper.entries, now_ms, BankClock(), center="tokyo", may_act=True, people=people)
    moments = {"at_ms": now_ms - 60_000, "until_ms": now_ms + 240_000, "left_ms": 240_000}
    mine = LoneRow(what=("say", "r1", "accept-loss"), who="Baba", second="Chiba", text="a minute", **moments)
    theirs = LoneRow(what=("takeover", "osaka"), who="tanaka", second="sato", text="gone", place="console", **moments)
    status = msgspec.structs.replace(STATUS, signatures=(theirs,))
    said = page(msgspec.structs.replace(view, lone=(mine,)), status=status)
    for expected in (
        " - holds until ",
        "may approve as business: Chiba",
        "SIGNED BY ONE OF TWO: failover say accept-loss",
        "relay failover say accept-loss --who Chiba --second Baba --why REASON",
        "SIGNED BY ONE OF TWO: takeover begin osaka",
        "the second signs at the console: sato",
    ):
        assert expected in said, expected
    assert "SIGNED BY ONE OF TWO" not in page(view)
    nobody = view_of(book.run, book.keeper.entries, now_ms, BankClock(), center="tokyo", may_act=True, people=people[:1])
    assert "may approve as business: nobody" in page(nobody)
    assert "sato" in page(RunView(center="tokyo"), status=status), "also where no run was declared"


def test_a_run_that_was_called_off_says_so_at_each_gate() -> None:
    book = Book()
    book.to_gate(1)
    book.write(e.AbortAsked(who="Doi", why="x"))
    said = page(run_view(book))
    assert said.count(": called off") == 3
    assert "it cannot be called off from here" in said


def test_after_the_promotion_there_is_no_way_back() -> None:
    book = Book()
    book.to_gate(3)
    said = page(run_view(book))
    assert "the point of no return is passed" in said
    assert "gate 2 continuation: passed" in said


def test_a_failed_step_stands_above_what_waits() -> None:
    book = Book()
    book.declare()
    book.did("scale-up", result="failed")
    said = page(run_view(book))
    assert "failed 1" in said
    assert "failed scale-up" in said


def test_between_runs_there_are_the_plans_and_without_an_orchestrator_the_reason() -> None:
    said = page(snapshot().run)
    assert "unplanned.toml" in said
    assert "failback.toml: seal-osaka: nobody listens" in said
    assert page(None, run_trouble="nobody listens at /run/x") == " no orchestrator here: nobody listens at /run/x"


def test_damage_stands_on_the_overview_and_on_the_page() -> None:
    unclear = Damaged(run="r0", why="line 9 is another one.")
    over = Damaged(run="r1", why="line 2 is another one.", standing="over", proof="DONE with line 90")
    view = RunView(center="tokyo", damaged=(unclear, over), copy_trouble="no space.")
    said = page(view)
    assert "damaged log of r0: line 9 is another one. A DAMAGED LOG FORBIDS A NEW RUN: relay failover status" in said
    assert "damaged log of r1: line 2 is another one. DONE with line 90" in said
    assert "NO COPY OF THE OTHER CENTER'S RUN IS KEPT HERE: no space." in said
    line = fit(run_line(snapshot(run=view), words_of("en")), 200, Paint(False))
    assert "A DAMAGED LOG FORBIDS A NEW RUN" in line
    assert "NO COPY OF THE OTHER" in line
    book = Book()
    book.to_gate(1)
    kept = msgspec.structs.replace(run_view(book), damaged=(unclear,), copy_trouble="no space.")
    line = fit(run_line(snapshot(run=kept), words_of("en")), 300, Paint(False))
    assert "G1_WAIT" in line  # the run goes on, and comes first
    assert "NO COPY OF THE OTHER" in line
    assert "FORBIDS" not in line
