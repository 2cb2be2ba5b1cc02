"""The failover run on one page of text.

Owns the rows. It must never decide. The trap: who approves copies the digits from here, so they stand in the very line that
says what to type; and an approval signs the whole snapshot, so nothing of it that decides anything is left out.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from relay.cli.screen import duration, safe, table
from relay.cli.signatures import lone_lines
from relay.cli.when import show_moment
from relay.failover.cosign import LoneRow
from relay.failover.damage import Damaged
from relay.failover.view import GateView, RunView

LOG_SHOWN = 12
SEEN_CHARS = 16
TROUBLE_SHOWN = 5
OVER = ("IDLE", "DONE", "ABORTED")


def lines_of(view: RunView, at_the_relay: Sequence[LoneRow] = ()) -> Iterator[str]:
    """`at_the_relay`: what one of two has signed there and not here."""
    day = view.day
    if day is not None:
        kind = "a bank day" if day.is_bank_day else f"no bank day; the next is {day.next_bank_day}"
        ahead = ", ".join(f"{one.what} in {duration(one.in_ms)}" for one in day.boundaries[:3])
        yield f"{view.center}: {day.today}, {kind}, phase {day.phase}; {ahead}"
    yield from _damage(view)
    if not view.run:
        yield "no run was declared here"
        yield from _lone(at_the_relay)
        yield from _plans(view)
        return
    yield f"run {view.run}: {view.state}"
    if view.held:
        yield f"  HELD by {safe(view.held_by) or 'itself'}: {safe(view.held)}"
    where = f"{view.from_region}, epoch {view.old_epoch} -> {view.to_region}, epoch {view.new_epoch}"
    yield f"  plan {safe(view.plan)} ({view.kind}), version {view.plan_version[:16]}: {where}"
    yield f"  declared by {safe(view.declarer)}"
    acting = "this orchestrator acts" if view.may_act else f"the orchestrator of {view.acting_center} acts"
    yield (
        f"  {acting}, term {view.term}"
        + (", THE PEER HAS NO COPY" if view.is_peer_away else "")
        + (f"; stopped: {safe(view.stopped)}" if view.stopped else "")
    )
    yield f"  {_back(view)}"
    yield from _clock(view)
    if view.gate is not None:
        yield from _gate(view, view.gate)
    yield from _lone((*view.lone, *at_the_relay))
    yield from _evidence(view)
    yield ""
    rows = [["step", "phase", "standing", "tries", "detail"]]
    for step in view.steps:
        name = f"{step.name} (undo)" if step.is_undo else step.name
        rows.append([safe(name), step.phase, step.standing, str(step.attempts), safe(step.detail)[:60]])
        for number, line in enumerate(step.checklist, 1):
            if step.standing == "under-way":
                rows.append([f"  [{'x' if number in step.ticked else ' '}] {number}", "", "", "", safe(line)[:100]])
    yield from table(rows, right=(3,))
    yield ""
    if view.state in OVER:
        yield from _plans(view)
        yield ""
    for row in view.log[-LOG_SHOWN:]:
        yield f"  {row.number:4} {show_moment(row.at_ms)} {row.what} {safe(row.who)} {safe(row.text)[:120]}".rstrip()


def _damage(view: RunView) -> Iterator[str]:
    """What is wrong with the disk of the logs, and what people have to decide for it."""
    if view.copy_trouble:
        yield f"NO COPY OF THE OTHER CENTER'S RUN IS KEPT HERE: {safe(view.copy_trouble)}"
    for one in view.damaged:
        yield f"DAMAGED LOG of the run {safe(one.run)}: {safe(one.why)} {safe(one.next_step)}".rstrip()
        match one.standing:
            case "over":
                yield f"  it is over: {safe(one.proof)}"
            case "laid-aside":
                yield f"  laid aside by {safe(one.proof)}"
            case _:
                yield from _unclear(one)


def _unclear(one: Damaged) -> Iterator[str]:
    yield "  NOBODY KNOWS WHETHER IT IS OVER: no run can be declared"
    told = f"{one.state} under term {one.term}, {show_moment(one.last_ms)}" if one.state else "nothing that is to be believed"
    yield f"  its {one.lines} whole lines tell: {told}; the other center: {safe(one.peer) or 'not heard'}"
    yield "  two people who have looked at what it did (blocks, seals, record, database) say that it is over:"
    signed = "--second NAME --who NAME --why REASON"
    yield f"    relay failover lay-aside {safe(one.run)} --seen {one.digest[:SEEN_CHARS]} {signed}"


def _back(view: RunView) -> str:
    if view.has_promoted:
        return "the point of no return is passed"
    if view.may_abort:
        return "it can be called off: relay failover abort"
    return "it was called off" if view.state in OVER else "it was called off, and is being taken back"


def _lone(rows: Sequence[LoneRow]) -> Iterator[str]:
    if rows:
        yield ""
        yield from lone_lines(rows)


def _plans(view: RunView) -> Iterator[str]:
    """Between two failovers: what would fail, and what nobody has tried for long."""
    yield ""
    if view.plans_trouble:
        yield f"plans: NONE IS CHECKED: {safe(view.plans_trouble)}"
    rows = [["plan", "checked", "result", "last exercised"]]
    for one in view.plans:
        checked = f"{duration(view.now_ms - one.checked_ms)} ago" if one.checked_ms else "not yet"
        good = f", good {duration(view.now_ms - one.good_ms)} ago" if one.good_ms else ""
        result = "good" if one.is_good else f"NOT GOOD{good}" if one.trouble else "-"
        last = show_moment(one.exercised_ms)[:10] if one.exercised_ms else "never"
        late = f", MORE THAN {view.exercise_days} d AGO" if one.is_unexercised(view.now_ms, view.exercise_days) else ""
        rows.append([safe(one.file), checked, result, last + late])
        rows += [["", "", f"  {safe(text)[:100]}", ""] for text in one.trouble[:TROUBLE_SHOWN]]
    yield from table(rows)


def _clock(view: RunView) -> Iterator[str]:
    clock = view.clock
    if clock is None:
        return
    yield (
        f"  clock: {duration(clock.elapsed_ms)} of {duration(clock.target_ms)}; "
        + ("over" if clock.is_over else f"projected end {show_moment(clock.finish_ms)}")
        + (", THE TARGET WILL BE MISSED" if clock.will_miss else "")
    )
    late = [part.name for part in clock.parts if part.is_over_budget]
    if late:
        yield f"  over budget: {', '.join(late)}"


def _gate(view: RunView, gate: GateView) -> Iterator[str]:
    part = f" ({gate.part})" if gate.part else ""
    yield ""
    since = duration(view.now_ms - gate.opened_ms)
    yield f"GATE {gate.gate}{part} waits since {since} for: {', '.join(gate.missing) or 'nobody'}"
    for one in gate.approvals:
        word = "GLASS BROKEN by" if one.is_glass else "approved by"
        held = f"holds until {show_moment(one.until_ms)[11:19]}" if one.is_valid else "STALE, to be given anew"
        yield f"  {word} {safe(one.who)} {one.role}".rstrip() + f", {show_moment(one.at_ms)[11:19]} - {held}"
    for row in gate.free:
        names = ", ".join(map(safe, row.names)) or "NOBODY: nobody else has this role (break-glass, or abort)"
        yield f"  may approve as {row.role}: {names}"
    for text in gate.stops:
        yield f"  it stays shut: {safe(text)}"
    for text in gate.warnings:
        yield f"  mind: {safe(text)}"
    stale = "" if gate.is_fresh else "  (STALE: wait for the next snapshot)"
    yield f"  seen {duration(view.now_ms - gate.evidence_ms)} ago{stale}; to approve:"
    yield f"    relay failover approve {gate.gate} --seen {gate.binding[:SEEN_CHARS]} --role ROLE --who NAME --why REASON"


def _evidence(view: RunView) -> Iterator[str]:
    evidence = view.evidence
    if evidence is None:
        return
    yield ""
    lag = "not known" if evidence.lag_ms is None else duration(evidence.lag_ms)
    accepted = " (the loss is accepted)" if evidence.is_lag_accepted else ""
    seen = "evidence" if view.gate is not None else "evidence, as it was at the last gate"  # nobody looks again between two
    yield f"{seen}: copy behind by {lag}{accepted}; standby {safe(evidence.standby) or 'good'}"
    if evidence.is_peer_away:
        yield "  the peer center was away: what is approved on this is approved to go on alone"
    for name, said in (("batch checkpoint", evidence.batch_checkpoint), ("Zengin", evidence.zengin)):
        if said:
            yield f"  {name}: {safe(said)}"
    rows = [["center", "region", "epoch", "sealed", "suspended", "sessions", "in flight", "owed", "listed", "tail left"]]
    for one in evidence.centers:
        if one.trouble:
            rows.append([one.center, safe(one.trouble)[:60], *[""] * 8])
            continue
        numbers = [str(n) for n in (one.sessions, one.inflight, one.owed, one.listed, one.tail_left)]
        rows.append(
            [one.center, one.region, str(one.epoch), str(one.sealed_epoch or "-"), " ".join(one.blocked) or "-", *numbers]
        )
    yield from table(rows)
    for text in evidence.remarks:
        yield f"  {safe(text)}"
