"""The failover room: the run as its orchestrator shows it, to be read and not to be acted on.

Owns its look. Pure. It must never approve: who approves does it from their own account on a host of the orchestrator, so the
line to type stands beside the gate. The trap: names, reasons and what programs said are strangers' texts, and a reason may
hold a card number that somebody pasted, so they are masked like everything that people typed.
"""

from __future__ import annotations

from relay.console.html import Child, Html, h
from relay.console.pages.layout import Frame, facts, page, section, table, tag
from relay.failover.evidence import Evidence
from relay.failover.rtoclock import ClockView
from relay.failover.view import GateView, RunView
from relay.telemetry.mask import mask_text

LOG_SHOWN = 50
SEEN_CHARS = 16
_STANDS = {"failed": "bad", "waived": "warn", "by-hand": "warn", "under-way": "warn", "done": "good", "found": "good"}


def failover(frame: Frame, view: RunView, refresh_ms: int) -> Html:
    t = frame.words
    if not view.run:
        body: list[Child] = [h("p", t("failover.none"), class_="empty"), _calendar(frame, view)]
        return page(frame, t("nav.failover"), *body, refresh_ms=refresh_ms)
    return page(
        frame,
        t("nav.failover"),
        section(t("failover.run"), facts(_run(frame, view))),
        _gate(frame, view, view.gate) if view.gate else h("p", t("failover.gate.none"), class_="quiet"),
        _evidence(frame, view.evidence) if view.evidence else None,
        _clock(frame, view.clock) if view.clock else None,
        _calendar(frame, view),
        section(t("failover.steps"), _steps(frame, view)),
        section(t("failover.log"), _log(frame, view)),
        refresh_ms=refresh_ms,
    )


def _said(text: str) -> Html:
    return h("span", mask_text(text), lang="en")


def _run(frame: Frame, view: RunView) -> list[tuple[str, Child]]:
    t = frame.words
    told: list[tuple[str, Child]] = [
        (t("failover.run"), view.run),
        (t("failover.state"), tag(t.maybe(f"failover.state.{view.state}", view.state), "warn" if view.held else "")),
    ]
    if view.held:
        told.append((t("failover.held"), _said(f"{view.held_by}: {view.held}" if view.held_by else view.held)))
    acts = (
        t("failover.acts.here", center=view.acting_center, term=view.term)
        if view.may_act
        else t("failover.acts.there", center=view.acting_center, term=view.term)
    )
    told += [
        (t("failover.way"), f"{view.from_region} ({view.old_epoch}) → {view.to_region} ({view.new_epoch})"),
        (t("failover.plan"), f"{view.plan} · {view.kind} · {view.plan_version[:SEEN_CHARS]}"),
        (t("failover.declarer"), view.declarer),
        (t("failover.acts"), acts),
        (
            t("failover.peer"),
            tag(t("failover.peer.none"), "bad") if view.is_peer_away else t("failover.peer.copy"),
        ),
    ]
    if view.stopped:
        told.append((t("failover.stopped"), _said(view.stopped)))
    if view.has_promoted:
        back: Child = tag(t("failover.back.past"), "warn")
    else:
        back = t("failover.back.open") if view.may_abort else t("failover.back.shut")
    told.append((t("failover.back"), back))
    return told


def _gate(frame: Frame, view: RunView, gate: GateView) -> Html:
    t = frame.words
    approved: list[Child] = [
        h(
            "p",
            t("failover.glass", who=one.who) if one.is_glass else t("failover.approved", who=one.who, role=one.role),
            None if one.is_valid else [" ", tag(t("failover.approval.stale"), "bad")],
        )
        for one in gate.approvals
    ]
    taken: list[Child] = [t.moment(gate.evidence_ms), None if gate.is_fresh else [" ", tag(t("failover.stale"), "bad")]]
    told: list[tuple[str, Child]] = [
        (t("failover.waits"), t.duration(view.now_ms - gate.opened_ms)),
        (t("failover.missing"), tag(", ".join(gate.missing), "warn") if gate.missing else t("failover.nobody")),
        (t("failover.approvals"), approved or t("failover.nobody")),
        (t("failover.snapshot"), taken),
    ]
    if gate.stops:
        told.append((t("failover.stops"), [h("p", _said(text), class_="wrong") for text in gate.stops]))
    if gate.warnings:
        told.append((t("failover.warnings"), [h("p", _said(text)) for text in gate.warnings]))
    seen = gate.binding[:SEEN_CHARS]
    line = f"relay failover approve {gate.gate} --seen {seen} --role ROLE --who NAME --why REASON"
    title = t("failover.gate", n=f"{gate.gate} {gate.part}".strip())
    return section(title, facts(told), h("p", t("failover.cli")), h("pre", line, class_="paper", lang="en", tabindex="0"))


def _evidence(frame: Frame, evidence: Evidence) -> Html:
    t = frame.words
    told: list[tuple[str, Child]] = [
        (t("failover.lag"), t("failover.lag.unknown") if evidence.lag_ms is None else t.duration(evidence.lag_ms)),
        (t("failover.standby"), _said(evidence.standby) if evidence.standby else t("failover.standby.good")),
    ]
    if evidence.is_lag_accepted:
        told.append((t("failover.accepted"), tag(t("yes"), "warn")))
    if evidence.is_peer_away:
        told.append((t("failover.peer"), tag(t("failover.alone"), "bad")))
    if evidence.batch_checkpoint:
        told.append((t("failover.checkpoint"), _said(evidence.batch_checkpoint)))
    if evidence.zengin:
        told.append((t("failover.zengin"), _said(evidence.zengin)))
    if evidence.remarks:
        told.append((t("failover.remarks"), [h("p", _said(text)) for text in evidence.remarks]))
    heads = [
        (t("failover.center"), ""),
        (t("picture.active"), ""),
        (t("picture.epoch"), "n"),
        (t("failover.sealed"), "n"),
        (t("failover.suspended"), ""),
        (t("failover.sessions"), "n"),
        (t("failover.inflight"), "n"),
        (t("failover.owed"), "n"),
        (t("failover.listed"), "n"),
        (t("failover.tail"), "n"),
    ]
    rows: list[list[Child]] = [
        [
            one.center,
            _said(one.trouble) if one.trouble else one.region or "–",
            str(one.epoch),
            str(one.sealed_epoch or "–"),
            ", ".join(one.blocked) or "–",
            *(t.number(count) for count in (one.sessions, one.inflight, one.owed, one.listed, one.tail_left)),
        ]
        for one in evidence.centers
    ]
    return section(t("failover.evidence"), facts(told), table(heads, rows, t("failover.evidence"), t("failover.lag.unknown")))


def _clock(frame: Frame, clock: ClockView) -> Html:
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
    heads = [(t("failover.part"), ""), (t("failover.budget"), "n"), (t("failover.spent"), "n"), (t("failover.left"), "n")]
    rows: list[list[Child]] = [
        [
            h("b", part.name) if part.is_now else part.name,
            t.duration(part.budget_ms),
            tag(t.duration(part.spent_ms), "bad") if part.is_over_budget else t.duration(part.spent_ms),
            t.duration(part.left_ms),
        ]
        for part in clock.parts
    ]
    return section(t("failover.clock"), facts(told), table(heads, rows, t("failover.parts"), t("failover.nobody")))


def _calendar(frame: Frame, view: RunView) -> Html | None:
    t, day = frame.words, view.day
    if day is None:
        return None
    kind = t("failover.bank-day") if day.is_bank_day else t("failover.no-bank-day", day=day.next_bank_day)
    told: list[tuple[str, Child]] = [(t("failover.day"), f"{day.today}, {kind}"), (t("failover.phase"), str(day.phase.value))]
    heads = [(t("failover.boundary"), ""), (t("failover.in"), "n"), (t("failover.latest"), "n")]
    latest = {each.boundary.what: each for each in view.ahead}
    rows: list[list[Child]] = []
    for one in day.boundaries:
        ahead = latest.get(one.what)
        start: list[Child] = ["–"]
        if ahead is not None:
            late = [" ", tag(t("failover.too-late"), "warn")] if ahead.is_too_late else None
            start = [t.moment(ahead.latest_start_ms), late]
        rows.append([h("span", one.what, lang="en"), t.duration(one.in_ms), start])
    return section(t("failover.calendar"), facts(told), table(heads, rows, t("failover.calendar"), t("failover.nobody")))


def _steps(frame: Frame, view: RunView) -> Html:
    t = frame.words
    heads = [
        (t("failover.step"), "k"),
        (t("failover.phase"), ""),
        (t("failover.standing"), ""),
        (t("col.tries"), "n"),
        (t("col.detail"), "w"),
    ]
    rows: list[list[Child]] = [
        [
            t("failover.undo", step=step.name) if step.is_undo else step.name,
            step.phase,
            tag(t.maybe(f"failover.standing.{step.standing}", step.standing), _STANDS.get(step.standing, "")),
            t.number(step.attempts),
            _said(step.detail) if step.detail else "–",
        ]
        for step in view.steps
    ]
    return table(heads, rows, t("failover.steps"), t("failover.nobody"))


def _log(frame: Frame, view: RunView) -> Html:
    t = frame.words
    heads = [
        ("#", "n"),
        (t("col.at"), "n"),
        (t("failover.log.what"), ""),
        (t("failover.log.who"), ""),
        (t("failover.log.text"), "w"),
    ]
    rows: list[list[Child]] = [
        [str(row.number), t.moment(row.at_ms), row.what, row.who or "–", _said(row.text) if row.text else "–"]
        for row in reversed(view.log[-LOG_SHOWN:])
    ]
    return table(heads, rows, t("failover.log"), t("failover.nobody"))
