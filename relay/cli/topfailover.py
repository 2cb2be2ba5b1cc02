"""The failover page of `relay top`: the three gates, the recovery clock, what is under way, what to type; between runs the
plans.

Owns its lines. Pure. It must never decide. The trap: who approves copies the digits from here, so they stand in the line that
is typed, and that line is never cut where the terminal is wide enough for it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from relay.cli.screen import BOLD, DIM, GREEN, RED, YELLOW, duration
from relay.cli.signatures import in_words, line_of
from relay.cli.spans import Line, Span, bar, columns_of, text
from relay.cli.topsnap import Snapshot
from relay.cli.topwords import Words
from relay.cli.when import show_moment
from relay.failover.cosign import LoneRow
from relay.failover.states import State
from relay.failover.view import GateView, RunView

OVER: Final = (State.IDLE.name, State.DONE.name, State.ABORTED.name)
BACK: Final = (State.CANCEL_PREP.name, State.ROLLBACK.name, State.ABORTED.name)
SEEN_CHARS: Final = 12  # as few as an approval may name: the line fits into eighty columns
BAR_COLUMNS: Final = 28
_WAITS: Final = {1: State.G1_WAIT, 2: State.G2_WAIT, 3: State.G3_WAIT}


def run_line(snapshot: Snapshot, t: Words) -> Line:
    """One line for the overview: the run, its gate and its clock; between runs the plans."""
    view = snapshot.run
    head: Span = (DIM, f" {t('failover')}: ")
    if view is None:
        return (head, (DIM, t("no-orchestrator")))
    trouble: list[Span] = [(RED, f" {t('copy-refused')}")] if view.copy_trouble else []
    if not view.run or view.state in OVER:
        bad = sum(not plan.is_good for plan in view.plans)
        late = sum(plan.is_unexercised(view.now_ms, view.exercise_days) for plan in view.plans)
        said: list[Span] = [head, ("", f"{t('no-run')}; {t('plans')} {len(view.plans)}")]
        if bad or view.plans_trouble:
            said.append((YELLOW, f", {bad or ''} {t('not-good')}".replace("  ", " ")))
        if late:
            said.append((YELLOW, f", {late} {t('unexercised')}"))
        return [*said, *([(BOLD + RED, f" {t('log-unclear')}")] if view.unclear else []), *trouble]
    pieces: list[Span] = [head, (BOLD, view.state)]
    if view.held:
        pieces.append((RED, f" {t('held')}"))
    if view.gate is not None:
        missing = ", ".join(view.gate.missing) or t("nobody")
        since = duration(view.now_ms - view.gate.opened_ms)
        pieces.append((YELLOW, f"  {t('gate')} {view.gate.gate} {t('open')} {since}, {t('waits-for')} {missing}"))
    if view.clock is not None:
        pieces.append(("", f"  {duration(view.clock.elapsed_ms)} {t('of')} {duration(view.clock.target_ms)}"))
        if view.clock.will_miss:
            pieces.append((RED, f" {t('will-miss')}"))
    return [*pieces, *trouble]


def failover(snapshot: Snapshot, t: Words) -> Iterator[Line]:
    view = snapshot.run
    if view is None:
        yield text(f" {t('no-orchestrator')}: {snapshot.run_trouble}", DIM)
        return
    yield from _day(view, t)
    yield from _damage(view, t)
    if not view.run:
        yield text(f" {t('no-run')}")
        yield from lone(lone_of(snapshot), t)
        yield from _plans(view, t)
        return
    yield from _run(view, t)
    yield from _clock(view, t)
    for number in (1, 2, 3):
        yield from _gate(view, number, t)
    yield from lone(lone_of(snapshot), t)
    yield from _evidence(view, t)
    yield from _steps(view, t)
    if view.state in OVER:
        yield from _plans(view, t)
    yield text(f" {t('log')}:", DIM)
    for row in reversed(view.log):
        yield ((DIM, f"  {row.number:4} {show_moment(row.at_ms)[11:19]} "), ("", f"{row.what} {row.who} {row.text}".rstrip()))


def _damage(view: RunView, t: Words) -> Iterator[Line]:
    """The whole of it, with the line to type, is on `relay failover status`."""
    if view.copy_trouble:
        yield text(f" {t('copy-refused')}: {view.copy_trouble}", BOLD + RED)
    for one in view.damaged:
        is_unclear = one.standing == "unknown"
        end = f"{t('log-unclear')}: relay failover status" if is_unclear else one.proof
        yield text(f" {t('log-damaged')} {one.run}: {one.why} {end}", BOLD + RED if is_unclear else YELLOW)


def _day(view: RunView, t: Words) -> Iterator[Line]:
    day = view.day
    if day is not None:
        kind = t("bank-day") if day.is_bank_day else f"{t('no-bank-day')} ({day.next_bank_day})"
        ahead = ", ".join(f"{one.what} {t('in')} {duration(one.in_ms)}" for one in day.boundaries[:2])
        yield ((DIM, f" {t('day')}: "), ("", f"{day.today}, {kind}, {day.phase}; {ahead}"))


def _run(view: RunView, t: Words) -> Iterator[Line]:
    way = f"{view.from_region} {view.old_epoch} -> {view.to_region} {view.new_epoch}"
    yield ((DIM, f" {t('run')} "), ("", f"{view.run}  "), (BOLD, view.state), ("", f"  {way}"))
    if view.held:
        yield text(f" {t('held')} {view.held_by}: {view.held}", BOLD + RED)
    acting = t("acts-here") if view.may_act else f"{t('acts-there')} {view.acting_center}"
    back = t("no-return") if view.has_promoted else t("can-abort") if view.may_abort else t("no-abort")
    pieces: list[Span] = [("", f" {acting}; {back}")]
    if view.is_peer_away:
        pieces.append((RED, f"; {t('no-copy')}"))
    yield pieces
    if view.stopped:
        yield text(f" {t('stopped')}: {view.stopped}", BOLD + RED)


def _clock(view: RunView, t: Words) -> Iterator[Line]:
    clock = view.clock
    if clock is None:
        return
    drawn = bar(clock.elapsed_ms, clock.finish_ms - clock.began_ms, clock.target_ms, BAR_COLUMNS)
    colour = RED if clock.will_miss else GREEN
    said = f" {duration(clock.elapsed_ms)} {t('of')} {duration(clock.target_ms)}"
    end = "" if clock.is_over else f", {t('projected')} {show_moment(clock.finish_ms)[11:19]}"
    yield ((DIM, f" {t('clock')} "), (colour, f"[{drawn}]"), ("", said + end))
    if clock.will_miss:
        yield text(f" {t('will-miss')}", BOLD + RED)


def _gate(view: RunView, number: int, t: Words) -> Iterator[Line]:
    name = f" {t('gate')} {number} {t(f'gate-{number}')}: "
    gate = view.gate
    if gate is not None and gate.gate == number:
        yield (
            (BOLD, name),
            (BOLD + YELLOW, f"{t('open')} {duration(view.now_ms - gate.opened_ms)}"),
            ("", f"  {t('waits-for')} {', '.join(gate.missing) or t('nobody')}"),
        )
        yield from _open(view, gate, t)
        return
    if view.state in BACK:
        yield text(name + t("called-off"), DIM)
    elif State[view.state].value > _WAITS[number].value:
        yield (("", name), (GREEN, t("passed")))
    else:
        yield text(name + t("ahead"), DIM)


def _open(view: RunView, gate: GateView, t: Words) -> Iterator[Line]:
    for one in gate.approvals:
        word = t("glass") if one.is_glass else t("approved-by")
        held: Span = ("", f"{t('until')} {show_moment(one.until_ms)[11:19]}") if one.is_valid else (RED, t("stale"))
        yield (("", f"   {word} {one.who} {one.role}, {show_moment(one.at_ms)[11:19]} - "), held)
    for row in gate.free:
        names: Span = ("", ", ".join(row.names)) if row.names else (RED, t("nobody"))
        yield (("", f"   {t('may-approve')} {row.role}: "), names)
    for said in gate.stops:
        yield ((RED, f"   {t('shut')}: "), ("", said))
    for said in gate.warnings:
        yield ((YELLOW, f"   {t('mind')}: "), ("", said))
    age = f"   {t('evidence')} {duration(view.now_ms - gate.evidence_ms)} {t('ago')}"
    yield (("", age), ("", "") if gate.is_fresh else (RED, f"  {t('wait-fresh')}"), ("", f"; {t('to-approve')}:"))
    yield text(f" relay failover approve {gate.gate} --seen {gate.binding[:SEEN_CHARS]} --role ROLE --who NAME --why WHY")


def lone_of(snapshot: Snapshot) -> tuple[LoneRow, ...]:
    """What one of two has signed, at the orchestrator and at the relay."""
    at_the_relay = () if snapshot.status is None else snapshot.status.signatures
    return (*(() if snapshot.run is None else snapshot.run.lone), *at_the_relay)


def lone(rows: Sequence[LoneRow], t: Words) -> Iterator[Line]:
    """Three lines of each, the last for whoever signs second."""
    for one in rows:
        yield ((BOLD + YELLOW, f" {t('half')}: "), ("", in_words(one)))
        moments = f"{show_moment(one.at_ms)[11:19]}, {t('until')} {show_moment(one.until_ms)[11:19]}"
        yield (("", f"   {t('by')} {one.who} {moments}: {one.text}"),)
        if one.place == "console":
            yield (("", f"   {t('at-console')}: {one.second}"),)
        else:
            yield text(f" {line_of(one)}")


def _evidence(view: RunView, t: Words) -> Iterator[Line]:
    name = t("evidence") if view.gate is not None else t("evidence-then")  # nobody looks again between two
    for one in view.evidence.centers if view.evidence else ():
        said = one.trouble or (
            f"{one.region} {t('epoch')} {one.epoch}, {t('signed-on')} {one.sessions}, {t('in-flight')} {one.inflight}, "
            f"{t('owed')} {one.owed}, {t('listed')} {one.listed}"
        )
        yield ((DIM, f" {name} {one.center}: "), (RED if one.trouble else "", said))


def _steps(view: RunView, t: Words) -> Iterator[Line]:
    done = sum(one.standing in ("done", "found", "waived", "by-hand", "not-needed") for one in view.steps)
    failed = [one for one in view.steps if one.standing == "failed"]
    running = [one for one in view.steps if one.standing == "under-way"]
    waits = len(view.steps) - done - len(failed) - len(running)
    yield (
        (DIM, f" {t('steps')}: "),
        ("", f"{t('done')} {done}, {t('under-way')} {len(running)}, {t('waits')} {waits}, "),
        (RED if failed else "", f"{t('failed')} {len(failed)}"),
    )
    for one in (*failed, *running):
        style, word = (RED, t("failed")) if one in failed else (YELLOW, t("under-way"))
        yield (
            (style, f"   {word} "),
            ("", f"{one.name}{' (undo)' if one.is_undo else ''}  {duration(view.now_ms - one.began_ms)}  {one.detail}"),
        )


def _plans(view: RunView, t: Words) -> Iterator[Line]:
    if view.plans_trouble:
        yield text(f" {t('plans')}: {view.plans_trouble}", RED)
    rows: list[list[Span]] = [[(DIM, head) for head in (t("plans"), t("checked"), "", t("exercised"))]]
    for one in view.plans:
        checked = f"{duration(view.now_ms - one.checked_ms)} {t('ago')}" if one.checked_ms else t("never")
        good: Span = (GREEN, t("good")) if one.is_good else (YELLOW, t("not-good"))
        last = show_moment(one.exercised_ms)[:10] if one.exercised_ms else t("never")
        late = one.is_unexercised(view.now_ms, view.exercise_days)
        rows.append([("", one.file), ("", checked), good, (YELLOW if late else "", last)])
    yield from columns_of(rows) if view.plans else ()
    for one in view.plans:
        for said in one.trouble[:3]:
            yield ((YELLOW, f"   {one.file}: "), ("", said))
