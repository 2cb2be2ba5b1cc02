"""What somebody at a gate reads, in the failover room and on the page on which they decide: evidence, clock, the bank's day.

Owns its look. Pure. The trap: names, reasons and what programs said are strangers' texts, and a reason may hold a card number
that somebody pasted, so they are masked like everything that people typed.
"""

from __future__ import annotations

from relay.console.html import Child, Html, h
from relay.console.pages.layout import Frame, facts, section, table, tag
from relay.failover.evidence import Evidence
from relay.failover.rtoclock import ClockView
from relay.failover.view import GateView, RunView
from relay.telemetry.mask import mask_text


def said(text: str) -> Html:
    return h("span", mask_text(text), lang="en")


def part_name(frame: Frame, name: str) -> str:
    """Of a part of the recovery or a phase of the plan, as the rail has it."""
    return frame.words.maybe(f"rail.part.{name.replace(' ', '-')}", name)


def line_of(view: RunView, text: str) -> str:
    """A line of a checklist with what a plan leaves open filled in, as its programs get it."""
    known = {"run": view.run, "epoch": str(view.new_epoch), "region": view.to_region, "center": view.acting_center}
    for name, value in known.items():
        text = text.replace(f"{{{name}}}", value)
    return text


def evidence_of(frame: Frame, evidence: Evidence) -> Html:
    t = frame.words
    told: list[tuple[str, Child]] = [
        (t("failover.lag"), t("failover.lag.unknown") if evidence.lag_ms is None else t.duration(evidence.lag_ms)),
        (t("failover.standby"), said(evidence.standby) if evidence.standby else t("failover.standby.good")),
    ]
    if evidence.is_lag_accepted:
        told.append((t("failover.accepted"), tag(t("yes"), "warn")))
    if evidence.is_peer_away:
        told.append((t("failover.peer"), tag(t("failover.alone"), "bad")))
    if evidence.batch_checkpoint:
        told.append((t("failover.checkpoint"), said(evidence.batch_checkpoint)))
    if evidence.zengin:
        told.append((t("failover.zengin"), said(evidence.zengin)))
    if evidence.preparation:
        how = [
            h("p", said(f"{step}: "), t.maybe(f"failover.standing.{stands}", stands)) for step, stands in evidence.preparation
        ]
        told.append((t("failover.preparation"), how))
    if evidence.remarks:
        told.append((t("failover.remarks"), [h("p", said(text)) for text in evidence.remarks]))
    heads = [
        (t("failover.center"), ""),
        (t("picture.active"), ""),
        (t("picture.epoch"), "n"),
        (t("failover.sealed"), "n"),
        (t("failover.speaks"), ""),
        (t("failover.suspended"), "b"),
        (t("failover.sessions"), "n"),
        (t("failover.inflight"), "n"),
        (t("failover.owed"), "n"),
        (t("failover.listed"), "n"),
        (t("failover.tail"), "n"),
    ]
    rows: list[list[Child]] = [
        [
            one.center,
            said(one.trouble) if one.trouble else one.region or "–",
            str(one.epoch),
            str(one.sealed_epoch or "–"),
            t("yes") if one.may_speak else t("no"),
            ", ".join(one.blocked) or "–",
            *(t.number(count) for count in (one.sessions, one.inflight, one.owed, one.listed)),
            t.number(one.tail_left)
            if one.tail_is_finished
            else tag(t("failover.tail.open", n=t.number(one.tail_left)), "warn"),
        ]
        for one in evidence.centers
    ]
    return section(t("failover.evidence"), facts(told), table(heads, rows, t("failover.evidence"), t("failover.lag.unknown")))


def snapshot_of(frame: Frame, view: RunView, gate: GateView) -> list[tuple[str, Child]]:
    """Which plan and which snapshot an approval signs, and how old that is."""
    t = frame.words
    age = t("failover.age", age=t.duration(max(0, view.now_ms - gate.evidence_ms)), until=t.clock(gate.evidence_until_ms))
    taken: list[Child] = [
        t.moment(gate.evidence_ms),
        ", ",
        age,
        None if gate.is_fresh else [" ", tag(t("failover.stale"), "bad")],
    ]
    return [
        (t("failover.plan"), [f"{view.plan} · {view.kind} · ", h("code", view.plan_version)]),
        (t("failover.snapshot"), taken),
        (t("failover.hash"), h("code", gate.evidence_digest)),
    ]


def clock_of(frame: Frame, clock: ClockView, *, with_parts: bool = True) -> Html:
    t = frame.words
    end: list[Child] = [t.moment(clock.finish_ms), [" ", tag(t("failover.miss"), "bad")] if clock.will_miss else None]
    told: list[tuple[str, Child]] = [
        (t("failover.elapsed"), t.duration(clock.elapsed_ms)),
        (t("failover.target"), t.duration(clock.target_ms)),
        (t("failover.over") if clock.is_over else t("failover.finish"), end),
        (t("failover.human"), t.duration(clock.human_ms)),
        (t("failover.machine"), t.duration(clock.machine_ms)),
        (t("failover.overlap"), t.duration(clock.overlap_ms)),
    ]
    if not with_parts:
        return section(t("failover.clock"), facts(told))
    heads = [(t("failover.part"), ""), (t("failover.budget"), "n"), (t("failover.spent"), "n"), (t("failover.left"), "n")]
    rows: list[list[Child]] = [
        [
            h("b", part_name(frame, part.name)) if part.is_now else part_name(frame, part.name),
            t.duration(part.budget_ms),
            tag(t.duration(part.spent_ms), "bad") if part.is_over_budget else t.duration(part.spent_ms),
            t.duration(part.left_ms),
        ]
        for part in clock.parts
    ]
    return section(t("failover.clock"), facts(told), table(heads, rows, t("failover.parts"), t("failover.nobody")))


def calendar_of(frame: Frame, view: RunView) -> Html | None:
    t, day = frame.words, view.day
    if day is None:
        return None
    kind = t("failover.bank-day") if day.is_bank_day else t("failover.no-bank-day", day=day.next_bank_day)
    told: list[tuple[str, Child]] = [
        (t("failover.day"), f"{day.today}, {kind}"),
        (t("failover.hours"), t.maybe(f"day.{day.phase}", day.phase)),
    ]
    heads = [(t("failover.boundary"), ""), (t("failover.in"), "n"), (t("failover.latest"), "n")]
    latest = {each.boundary.what: each for each in view.ahead}
    rows: list[list[Child]] = []
    for one in day.boundaries:
        ahead = latest.get(one.what)
        start: list[Child] = ["–"]
        if ahead is not None:
            late = [" ", tag(t("failover.too-late"), "warn")] if ahead.is_too_late else None
            start = [t.moment(ahead.latest_start_ms), late]
        rows.append([t.maybe(f"day.{one.what.replace(' ', '-')}", one.what), t.duration(one.in_ms), start])
    return section(t("failover.calendar"), facts(told), table(heads, rows, t("failover.calendar"), t("failover.nobody")))
