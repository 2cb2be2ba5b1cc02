"""The page of a run: what to type stands beside what was seen, and a stranger's text obeys nobody."""

from __future__ import annotations

import msgspec

from relay.cli.failoverpage import lines_of
from relay.failover import events as e
from relay.failover.bankday import BankClock
from relay.failover.cosign import LoneRow
from relay.failover.damage import Damaged
from relay.failover.evidence import CenterFacts, Evidence
from relay.failover.people import Person
from relay.failover.planwatch import DAY_MS, PlanView
from relay.failover.view import RunView, view_of
from tests.support.failoverbook import Book


def shown(book: Book) -> RunView:
    return view_of(book.run, book.keeper.entries, book.time.wall_ms(), BankClock(), center="tokyo", may_act=True)


def test_a_gate_says_what_to_type() -> None:
    book = Book()
    book.to_gate(2)
    view = shown(book)
    page = "\n".join(lines_of(view))
    assert view.gate is not None
    assert f"relay failover approve 2 --seen {view.gate.binding[:16]}" in page
    for expected in (
        "a bank day",
        "phase core",
        "GATE 2 waits since",
        "copy behind by 3 s",
        "it can be called off",
        "projected end",
    ):
        assert expected in page, expected
    book.write(book.approved(2, "Baba", "operations"))
    book.wait(301_000)
    late = "\n".join(lines_of(shown(book)))
    assert "STALE, to be given anew" in late
    assert "(STALE: wait" in late


def test_who_has_signed_stands_there_with_who_is_missing() -> None:
    book = Book()
    book.to_gate(2)
    book.write(book.approved(2, "Baba", "operations"))
    people = [Person(name="Baba", roles=("operations", "business")), Person(name="Chi\x1bba", roles=("business",))]
    now_ms = book.time.wall_ms()
    view = view_of(book.run, book.keeper.entries, now_ms, BankClock(), center="tokyo", may_act=True, people=people)
    moments = {"at_ms": now_ms - 60_000, "until_ms": now_ms + 240_000, "left_ms": 240_000}
    mine = LoneRow(what=("say", "r1", "accept-loss"), who="Baba", second="Chiba", text="a minute", **moments)
    theirs = LoneRow(what=("takeover", "osaka"), who="Sato", second="Suzuki", text="no power", place="host", **moments)
    page = "\n".join(lines_of(msgspec.structs.replace(view, lone=(mine,)), (theirs,)))
    for expected in (
        " - holds until ",
        "may approve as business: Chi?ba",
        "SIGNED BY ONE OF TWO: failover say accept-loss",
        "SIGNED BY ONE OF TWO: takeover begin osaka",
        "nothing is done before Suzuki says, from their own account:",
        "relay takeover begin osaka --who Suzuki --second Sato --why REASON",
        ": a minute",
    ):
        assert expected in page, expected
    alone = view_of(book.run, book.keeper.entries, now_ms, BankClock(), center="tokyo", people=people[:1])
    assert "may approve as business: NOBODY" in "\n".join(lines_of(alone))
    between = "\n".join(lines_of(view_of(Book().run, (), now_ms, BankClock(), center="osaka"), (theirs,)))
    assert "takeover begin osaka --who Suzuki" in between


def test_trouble_is_said_and_escape_bytes_are_not_passed_on() -> None:
    book = Book()
    book.to_gate(1)
    book.show(Evidence(centers=(CenterFacts(center="osaka", trouble="away \x1b[31m"),), remarks=("mind \x1b[2J",)))
    book.write(e.PeerAway(why="cut"))
    book.write(e.Held(who="Doi \x1b[1m", why="look \x1b[0m"))
    view = shown(book)
    page = "\n".join(lines_of(view))
    for expected in ("HELD by Doi", "THE PEER HAS NO COPY", "away ?[31m", "copy behind by not known"):
        assert expected in page, expected
    assert "\x1b" not in page
    stopped = "\n".join(lines_of(msgspec.structs.replace(view, may_act=False, stopped="superseded")))
    assert "the orchestrator of tokyo acts" in stopped
    assert "stopped: superseded" in stopped


def test_what_was_seen_at_the_last_gate_is_not_shown_as_of_now() -> None:
    book = Book()
    book.to_gate(2)
    assert "\nevidence: copy behind" in "\n".join(lines_of(shown(book)))
    book.write(e.AbortAsked(who="Doi", why="it is back"))
    page = "\n".join(lines_of(shown(book)))
    assert "evidence, as it was at the last gate: copy behind" in page
    assert "it was called off, and is being taken back" in page
    over = msgspec.structs.replace(shown(book), state="ABORTED")
    assert "  it was called off\n" in "\n".join(lines_of(over))


def test_without_a_run_there_is_the_day() -> None:
    page = "\n".join(lines_of(view_of(Book().run, (), 1_795_482_000_000, BankClock(), center="osaka")))
    assert "no run was declared here" in page


def test_between_two_runs_the_plans_are_shown_with_what_is_wrong() -> None:
    now = 1_795_482_000_000
    view = view_of(Book().run, (), now, BankClock(), center="osaka")
    plans = (
        PlanView(file="a.toml", checked_ms=now - 60_000, good_ms=now - 60_000, exercised_ms=now - 100 * DAY_MS),
        PlanView(file="b.toml", checked_ms=now, good_ms=now - 7_200_000, trouble=("seal-tokyo: nobody listens \x1b[1m",)),
        PlanView(file="c.toml", trouble=("c.toml is not TOML",)),
    )
    page = "\n".join(lines_of(msgspec.structs.replace(view, plans=plans, plans_trouble="")))
    for expected in ("NOT GOOD, good 2 h 0 min ago", "nobody listens ?[1m", "MORE THAN 90 d AGO", "never, MORE", "not yet"):
        assert expected in page, expected
    lost = "\n".join(lines_of(msgspec.structs.replace(view, plans_trouble="the folder is gone")))
    assert "NONE IS CHECKED: the folder is gone" in lost


UNCLEAR = Damaged(run="r\x1b0", why="line 9 is another one.", digest="3f9ac1d27be04411aa", lines=8, state="G2_WAIT", term=4)
OVER = Damaged(run="r1", why="line 2 is another one.", standing="over", proof="DONE with line 90, as the register has it")
ASIDE = Damaged(run="r2", why="not one whole line.", standing="laid-aside", proof="Baba and Chiba: the drill")


def test_damaged_logs_say_whether_their_run_is_over_and_what_two_people_type() -> None:
    page = "\n".join(lines_of(RunView(center="tokyo", damaged=(UNCLEAR, OVER, ASIDE))))
    for expected in (
        "DAMAGED LOG of the run r?0: line 9 is another one.",
        "NOBODY KNOWS WHETHER IT IS OVER: no run can be declared",
        "its 8 whole lines tell: G2_WAIT under term 4",
        "the other center: not heard",
        "relay failover lay-aside r?0 --seen 3f9ac1d27be04411 --second NAME --who NAME --why REASON",
        "it is over: DONE with line 90",
        "laid aside by Baba and Chiba: the drill",
    ):
        assert expected in page, expected
    assert page.count("lay-aside") == 1
    assert "DAMAGED" not in "\n".join(lines_of(RunView(center="tokyo")))


def test_a_disk_that_keeps_no_copies_is_told_first() -> None:
    book = Book()
    book.declare()
    view = msgspec.structs.replace(shown(book), copy_trouble="no space. 3 tries, the next in 4 s")
    assert list(lines_of(view))[1] == "NO COPY OF THE OTHER CENTER'S RUN IS KEPT HERE: no space. 3 tries, the next in 4 s"
