"""People at the failover room, through the console to a real desk: what passes a gate, and everything that must not."""

from __future__ import annotations

from pathlib import Path

import pytest

from relay.console.roomdeeds import ROOM_DEEDS
from relay.failover import events as e
from relay.failover.codes import FREE_TRIES, STEP_S
from relay.failover.states import State
from tests.support.consoleroom import Browser, assert_page, fields_of, words_of
from tests.support.failoverroom import SEALED, FailoverRoom

WHY = "agreed with the vendor's status page"


@pytest.fixture
def room(tmp_path: Path) -> FailoverRoom:
    return FailoverRoom(tmp_path)


@pytest.fixture
def quiet(tmp_path: Path) -> FailoverRoom:
    return FailoverRoom(tmp_path, gate=0)


async def open_form(room: FailoverRoom, person: Browser, deed: str, **asked: str) -> str:
    query = "&".join(f"{name}={value}" for name, value in {"run": room.run.run_id, **asked}.items())
    return await person.get(f"/deed/failover-{deed}?{query}")


async def decide(room: FailoverRoom, login: str, deed: str, **fields: str) -> Browser:
    """One person opens the page, fills it in and sends it."""
    person = await room.browser(login)
    asked = {name: fields.pop(name) for name in ("gate", "step", "undo", "second", "topic") if name in fields}
    await open_form(room, person, deed, **asked)
    assert person.status == 200, words_of(person.text)
    sent = {"why": WHY, "sure": "yes", **asked, **fields}
    if "proof" not in sent:
        sent["proof"] = room.code(login)
    await person.submit(f"/deed/failover-{deed}", **sent)
    return person


def approvals(room: FailoverRoom) -> list[tuple[str, str]]:
    return [(one.who, one.role) for one in room.run.approvals]


# ---- what passes -------------------------------------------------------------------------------------------------------
async def test_two_people_with_two_roles_approve_what_they_were_shown(room: FailoverRoom) -> None:
    one = await decide(room, "eda", "approve", gate="1", role="operations")
    assert "Eda approves as operations" in words_of(one.text)
    await decide(room, "chiba", "approve", gate="1", role="business")
    assert approvals(room) == [("Eda", "operations"), ("Chiba", "business")]
    newest = room.run.newest
    assert newest is not None
    assert {one.evidence_digest for one in room.run.approvals} == {newest.digest}
    entry = room.console.book.newest(1)[0]
    assert (entry.who, entry.deed, entry.result) == ("chiba", "failover-approve", "done")
    assert "gate=1" in entry.target
    assert "role=business" in entry.target


async def test_the_page_of_a_decision_shows_what_is_signed(room: FailoverRoom) -> None:
    person = await room.browser("eda")
    made = await open_form(room, person, "approve", gate="1")
    assert_page(made)
    said, newest = words_of(made), room.run.newest
    assert newest is not None
    for word in (newest.digest, room.run.plan_version, "core hours end", "Target", "both relays are blocked", "good until"):
        assert word in said, word
    assert fields_of(made, "/deed/failover-approve")["seen"] in said


async def test_declared_at_the_console(quiet: FailoverRoom) -> None:
    room = quiet
    person = await room.browser("abe")
    made = await person.get("/deed/failover-declare")
    assert_page(made)
    assert "broken.toml" in words_of(made)
    late = await room.browser("eda")
    await late.get("/deed/failover-declare")
    sent = {"why": "tokyo does not answer", "sure": "yes", "proof": room.code("abe")}
    await person.submit("/deed/failover-declare", **sent)
    assert person.status == 200, words_of(person.text)
    assert "mind: no look at this plan has ended before the run" in words_of(person.text)
    assert (room.run.state, room.run.declarer) == (State.DECLARED, "Abe")
    await late.submit("/deed/failover-declare", **{**sent, "proof": room.code("eda")})
    assert "not over" in words_of(late.text)


async def test_hold_go_on_call_and_call_off(room: FailoverRoom) -> None:
    await decide(room, "doi", "hold", proof="")  # has no authenticator, and stops it all the same
    assert room.run.held.endswith("(said at a console, without a code)"), "the log says how it was said"
    held = await room.browser("eda")
    assert "failover-approve" not in await held.get("/failover")
    await decide(room, "eda", "resume")
    assert not room.run.held
    await decide(room, "doi", "escalate", proof="")
    assert room.pages[-1].startswith("Doi calls you")
    assert room.run.escalated >= 1
    again = await decide(room, "doi", "escalate", proof="")
    assert "within the last minute" in words_of(again.text)
    assert "no look at this plan has ended" in words_of(await held.get("/failover")), "and at each gate"
    made = await open_form(room, held, "abort")
    assert "Taken back, newest first" in words_of(made)
    await decide(room, "eda", "abort")
    assert room.run.state is State.CANCEL_PREP


async def test_denied_and_withdrawn(room: FailoverRoom) -> None:
    await decide(room, "eda", "approve", gate="1", role="operations")
    stranger = await decide(room, "chiba", "withdraw", gate="1")
    assert stranger.status == 422
    for role in ("", "operations"):
        stranger = await decide(room, "chiba", "deny", gate="1", role=role)
        assert "does not have the role" in words_of(stranger.text)
    await decide(room, "eda", "withdraw", gate="1")
    assert approvals(room) == []
    await decide(room, "chiba", "deny", gate="1", role="business")
    assert room.run.state is State.CANCEL_PREP


async def test_what_two_sign_is_said_by_both(room: FailoverRoom) -> None:
    step = "seal-tokyo"
    first = await decide(room, "eda", "waive", step=step, second="Chiba")
    assert "signed by one of two NOT YET" in words_of(first.text)
    assert "signed by one of two" in words_of(await (await room.browser("eda")).get("/audit"))
    assert not room.run.standing(step, False).is_done
    other = await room.browser("chiba")
    assert f"second={'Eda'}" in await other.get("/failover"), "the second is led to the same"
    await decide(room, "chiba", "waive", step=step, second="Eda")
    assert room.run.standing(step, False).how == "waived"


async def test_the_glass_is_broken_by_one_with_a_code_that_opens_once(room: FailoverRoom) -> None:
    run = room.run.run_id
    for wrong in (
        {"alone": "yes", "code": SEALED},
        {"alone": run, "code": "NOT-IT"},
        {"alone": run, "code": SEALED, "proof": "1"},
    ):
        await decide(room, "chiba", "break-glass", gate="1", **wrong)
        assert approvals(room) == []
    loud = len(room.pages)
    done = await decide(room, "chiba", "break-glass", gate="1", alone=run, code=SEALED)
    assert "broken the glass" in words_of(done.text)
    assert room.run.approvals[0].seal == "envelope-1"
    assert "GLASS BROKEN" in room.pages[loud]
    again = await decide(room, "eda", "break-glass", gate="1", alone=run, code=SEALED)
    assert "used before" in words_of(again.text)
    kept = repr(room.console.variables.kept)
    assert SEALED not in kept


# ---- what must not -----------------------------------------------------------------------------------------------------
async def test_twice_by_one_with_two_roles_or_two_logins(room: FailoverRoom) -> None:
    await decide(room, "baba", "approve", gate="1", role="operations")
    for login, role in (("baba", "operations"), ("baba", "business"), ("baba2", "business")):
        again = await decide(room, login, "approve", gate="1", role=role)
        assert "second role does not make a second person" in words_of(again.text), login
    assert approvals(room) == [("Baba", "operations")]


async def test_by_the_declarer(room: FailoverRoom) -> None:
    assert "declares" in words_of((await decide(room, "abe", "approve", gate="1", role="operations")).text)
    assert approvals(room) == []


async def test_late_for_a_gate_that_is_passed(room: FailoverRoom) -> None:
    late = await room.browser("baba")
    await open_form(room, late, "approve", gate="1")
    await decide(room, "eda", "approve", gate="1", role="operations")
    await decide(room, "chiba", "approve", gate="1", role="business")
    room.book.write(e.GatePassed(gate=1))
    await late.submit("/deed/failover-approve", why=WHY, sure="yes", role="operations", proof=room.code("baba"))
    assert "not open" in words_of(late.text) or "belongs to another" in words_of(late.text)
    await open_form(room, late, "approve", gate="1")
    assert late.status == 422
    assert "gate 1 is not open" in words_of(late.text)


async def test_on_stale_evidence(room: FailoverRoom) -> None:
    person = await room.browser("eda")
    await open_form(room, person, "approve", gate="1")
    old = dict(fields_of(person.text, "/deed/failover-approve"))
    room.time.run(301_000)
    room.show()
    await person.submit("/deed/failover-approve", why=WHY, sure="yes", role="operations", proof=room.code("eda"))
    assert "too old" in words_of(person.text)
    assert approvals(room) == []
    await open_form(room, person, "approve", gate="1")
    assert fields_of(person.text, "/deed/failover-approve")["seen"] != old["seen"]


async def test_for_another_plan_gate_or_run(room: FailoverRoom) -> None:
    for wrong in ({"seen": "f" * 64}, {"gate": "2"}, {"gate": "9"}, {"run": "20251124-yesterday"}, {"run": ""}, {"seen": "0"}):
        person = await room.browser("eda")
        await open_form(room, person, "approve", gate="1")
        sent = {"why": WHY, "sure": "yes", "role": "operations", "proof": room.code("eda"), **wrong}
        await person.submit("/deed/failover-approve", **sent)
        assert person.status == 422, wrong
        assert approvals(room) == [], wrong
    yesterday = await room.browser("eda")
    await yesterday.get("/deed/failover-approve?run=20251124-yesterday&gate=1")
    assert "is not the one that is here" in words_of(yesterday.text)


async def test_without_the_persons_own_code_the_console_says_nothing(room: FailoverRoom) -> None:
    """Whatever the console claims: a stolen one has no codes."""
    for login, proof in (("eda", ""), ("eda", "000000"), ("eda", room.code("chiba")), ("doi", "123456")):
        await decide(room, login, "approve", gate="1", role="operations", proof=proof)
        assert approvals(room) == [], (login, proof)
    used = room.code("eda")
    await decide(room, "eda", "approve", gate="1", role="operations", proof=used)
    await decide(room, "eda", "withdraw", gate="1", proof=used)
    assert approvals(room) == [("Eda", "operations")], "a code that was used is used"
    room.time.run(10 * STEP_S * 1_000)
    await decide(room, "eda", "withdraw", gate="1", proof=used)
    assert approvals(room) == [("Eda", "operations")]
    assert used not in repr(room.console.variables.kept)


async def test_a_wrong_code_many_times(room: FailoverRoom) -> None:
    """A thousand times: tests/relay/failover/test_codes.py."""
    person = await room.browser("eda")
    for number in range(20):
        await open_form(room, person, "approve", gate="1")
        proof = f"{number:06}"
        await person.submit("/deed/failover-approve", why=WHY, sure="yes", role="operations", proof=proof)
        if number > FREE_TRIES:
            assert "counts in" in words_of(person.text), number
    assert approvals(room) == []
    assert sum("wrong codes of Eda" in page for page in room.pages) <= 1
    await decide(room, "chiba", "approve", gate="1", role="business")
    assert approvals(room) == [("Chiba", "business")], "nobody else waits for it"


async def test_who_may_not(room: FailoverRoom) -> None:
    viewer = await room.browser("viewer")
    for deed in ROOM_DEEDS:
        await viewer.get(f"/deed/{deed.name}?run={room.run.run_id}&gate=1")
        assert viewer.status == 403, deed.name
        assert f"/deed/{deed.name}" not in await viewer.get("/failover")
    administrator = await room.browser("administrator")
    await open_form(room, administrator, "approve", gate="1")
    assert "has no part in a failover" in words_of(administrator.text)
    assert "You look on" in words_of(await administrator.get("/failover"))


async def test_from_another_site_without_a_tick_or_twice(room: FailoverRoom) -> None:
    person = await room.browser("eda")
    await open_form(room, person, "approve", gate="1")
    fields = {**fields_of(person.text, "/deed/failover-approve"), "why": WHY, "sure": "yes", "role": "operations"}
    fields["proof"] = room.code("eda")
    await person.post("/deed/failover-approve", fields, sec_fetch_site="cross-site")
    assert person.status == 403
    await person.post("/deed/failover-approve", {**fields, "csrf": "forged"})
    assert person.status == 403
    await person.post("/deed/failover-approve", {name: value for name, value in fields.items() if name != "sure"})
    assert person.status == 422
    assert approvals(room) == []
    await person.post("/deed/failover-approve", fields)
    assert person.status == 409, "that form was used, although nothing came of it"
    await person.submit("/deed/failover-approve", why=WHY, sure="yes", role="operations", proof=room.code("eda"))
    assert approvals(room) == [("Eda", "operations")]
    room.time.jump_wall(86_400_000)
    await open_form(room, person, "withdraw", gate="1")
    assert person.status == 303, "yesterday's cookie"


async def test_script_in_what_people_write(room: FailoverRoom) -> None:
    evil = "<script>alert(1)</script> 4000001234567899"
    await decide(room, "eda", "say", topic="remark", why=evil)
    room.show()
    person = await room.browser("chiba")
    for page in ("/failover", f"/deed/failover-approve?run={room.run.run_id}&gate=1", "/audit"):
        made = await person.get(page)
        assert_page(made)
        assert "<script>alert" not in made
        assert "4000001234567899" not in made
    for form in ("html", "json", "status"):
        kept = await person.get(f"/failover/keep?form={form}")
        assert "attachment" in person.header("Content-Disposition")
        assert "4000001234567899" not in kept
        assert "Eda" in kept
    await person.get("/failover/keep?form=exe")
    assert person.status == 404


async def test_nothing_of_it_where_no_orchestrator_is(room: FailoverRoom) -> None:
    room.console.restart(has_failover=False)
    person = await room.browser("eda")
    for page in ("/failover", "/deed/failover-hold", "/failover/keep?form=json"):
        await person.get(page)
        assert person.status == 404, page
