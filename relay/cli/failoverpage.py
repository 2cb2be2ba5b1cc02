"""The failover run on one page of text.

Owns the rows. It must never decide. The trap: who approves copies the digits from here, so they stand in the very line that
says what to type; and an approval signs the whole snapshot, so nothing of it that decides anything is left out.
"""

from __future__ import annotations

from collections.abc import Iterator

from relay.cli.screen import duration, safe, table
from relay.cli.when import show_moment
from relay.failover.view import GateView, RunView

LOG_SHOWN = 12
SEEN_CHARS = 16


def lines_of(view: RunView) -> Iterator[str]:
    day = view.day
    if day is not None:
        kind = "a bank day" if day.is_bank_day else f"no bank day; the next is {day.next_bank_day}"
        ahead = ", ".join(f"{one.what} in {duration(one.in_ms)}" for one in day.boundaries[:3])
        yield f"{view.center}: {day.today}, {kind}, phase {day.phase}; {ahead}"
    if not view.run:
        yield "no run was declared here"
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
    back = "the point of no return is passed" if view.has_promoted else "it can be called off: relay failover abort"
    yield f"  {back if view.may_abort or view.has_promoted else 'it cannot be called off from here'}"
    yield from _clock(view)
    if view.gate is not None:
        yield from _gate(view, view.gate)
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
    for row in view.log[-LOG_SHOWN:]:
        yield f"  {row.number:4} {show_moment(row.at_ms)} {row.what} {safe(row.who)} {safe(row.text)[:120]}".rstrip()


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
        yield f"  {word} {safe(one.who)} {one.role}" + ("" if one.is_valid else " - STALE, to be given anew")
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
    yield f"evidence: copy behind by {lag}{accepted}; standby {safe(evidence.standby) or 'good'}"
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
