"""The failover room: the run as its orchestrator shows it, and the links to what somebody may do about it.

Owns its look. Pure. It must never act: each link leads to a page that says what will happen (failover_deed.py). The traps: who
may do what is judged by the orchestrator, so a link is an offer and no right; the room refreshes itself, so nothing that
somebody types stands in it; and who has only a terminal does the same there, so the line to type stands beside the gate.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from relay.console.html import Child, Html, Value, address, h, join
from relay.console.pages.failover_damage import damage_of
from relay.console.pages.failover_facts import calendar_of, clock_of, evidence_of, line_of, part_name, said, snapshot_of
from relay.console.pages.layout import Frame, deed_link, facts, page, section, table, tag
from relay.console.pages.rail import rail
from relay.console.pages.signatures import signatures
from relay.failover.cosign import LoneRow
from relay.failover.plan import Phase
from relay.failover.room import RoomView
from relay.failover.states import BACKING, PHASE_OF, PREPARING, TERMINAL, State
from relay.failover.view import GateView, RunView, StepView

LOG_SHOWN = 50
SEEN_CHARS = 16
OVER = frozenset({"", "IDLE", *(state.name for state in TERMINAL)})
_STANDS = {"failed": "bad", "waived": "warn", "by-hand": "warn", "under-way": "warn", "done": "good", "found": "good"}


def failover(frame: Frame, room: RoomView, refresh_ms: int, at_the_relay: Sequence[LoneRow] = ()) -> Html:
    """`at_the_relay`: what one of two has signed there and not at the orchestrator."""
    t, view = frame.words, room.view
    mine = _mine(frame, room)
    login = "" if frame.person is None else frame.person.name
    theirs = signatures(frame, at_the_relay, login, t("failover.lone.relay"))
    damage = damage_of(frame, view)
    if not view.run:
        body: list[Child] = [damage, mine, theirs, h("p", t("failover.none"), class_="empty"), calendar_of(frame, view)]
        return page(frame, t("nav.failover"), *body, refresh_ms=refresh_ms)
    return page(
        frame,
        t("nav.failover"),
        rail(frame, view),
        damage,
        mine,
        signatures(frame, view.lone, "" if room.me is None else room.me.name, t("failover.lone")),
        theirs,
        _gate(frame, room, view.gate) if view.gate else h("p", t("failover.gate.none"), class_="quiet"),
        section(t("failover.run"), facts(_run(frame, view)), tools=_downloads(frame)),
        evidence_of(frame, view.evidence) if view.evidence else None,
        clock_of(frame, view.clock) if view.clock else None,
        calendar_of(frame, view),
        section(t("failover.steps"), _steps(frame, room)),
        section(t("failover.log"), _log(frame, view)),
        refresh_ms=refresh_ms,
    )


def _mine(frame: Frame, room: RoomView) -> Html:
    """Who looks, and what they may do to the whole run."""
    t, view, me = frame.words, room.view, room.me
    if me is None:
        return h("p", t("failover.looks"), class_="quiet")
    links: list[Child] = []
    if view.state in OVER:
        links.append(deed_link(frame, "failover-declare", is_main=True))
    elif not view.may_act:
        links.append(deed_link(frame, "failover-adopt", run=view.run))
    else:
        links += [
            deed_link(frame, "failover-resume" if view.held else "failover-hold", run=view.run),
            deed_link(frame, "failover-escalate", run=view.run),
            deed_link(frame, "failover-say", run=view.run),
            deed_link(frame, "failover-abort", run=view.run) if view.may_abort else None,
        ]
    return join(
        h("p", t("failover.me", who=me.name, roles=", ".join(me.roles)), class_="quiet"),
        None if me.has_authenticator else h("p", t("failover.no-authenticator"), class_="wrong"),
        h("p", links, class_="deeds"),
    )


def _downloads(frame: Frame) -> Html:
    t = frame.words
    return h(
        "p",
        [
            h("a", t(f"failover.keep.{form}"), href=address("/failover/keep", form=form), class_="button")
            for form in ("html", "json", "status")
        ],
        class_="deeds",
    )


def _link(frame: Frame, deed: str, here: Mapping[str, Value], *, is_main: bool = False) -> Html | None:
    return deed_link(frame, deed, is_main, **here)


def _run(frame: Frame, view: RunView) -> list[tuple[str, Child]]:
    t = frame.words
    told: list[tuple[str, Child]] = [
        (t("failover.run"), view.run),
        (t("failover.state"), tag(t.maybe(f"failover.state.{view.state}", view.state), "warn" if view.held else "")),
    ]
    if view.held:
        told.append((t("failover.held"), said(f"{view.held_by}: {view.held}" if view.held_by else view.held)))
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
        told.append((t("failover.stopped"), said(view.stopped)))
    if view.has_promoted:
        back: Child = tag(t("failover.back.past"), "warn")
    else:
        back = t("failover.back.open") if view.may_abort else t("failover.back.shut")
    told.append((t("failover.back"), back))
    return told


def _gate(frame: Frame, room: RoomView, gate: GateView) -> Html:
    t, view = frame.words, room.view
    approved: list[Child] = [
        h(
            "p",
            t("failover.glass", who=one.who) if one.is_glass else t("failover.approved", who=one.who, role=one.role),
            f", {t.clock(one.at_ms)} ",
            t("failover.holds", until=t.clock(one.until_ms)) if one.is_valid else tag(t("failover.approval.stale"), "bad"),
        )
        for one in gate.approvals
    ]
    told: list[tuple[str, Child]] = [
        (t("failover.waits"), t.duration(view.now_ms - gate.opened_ms)),
        (t("failover.missing"), tag(", ".join(gate.missing), "warn") if gate.missing else t("failover.nobody")),
        (t("failover.approvals"), approved or t("failover.nobody")),
        *((t("failover.free", role=row.role), _names(frame, row.names)) for row in gate.free),
        *snapshot_of(frame, view, gate),
    ]
    if gate.stops:
        told.append((t("failover.stops"), [h("p", said(text), class_="wrong") for text in gate.stops]))
    if gate.warnings:
        told.append((t("failover.warnings"), [h("p", said(text)) for text in gate.warnings]))
    seen = gate.binding[:SEEN_CHARS]
    line = f"relay failover approve {gate.gate} --seen {seen} --role ROLE --who NAME --why REASON"
    title = t("failover.gate", n=f"{gate.gate} {gate.part}".strip())
    what = h("p", t(f"failover.opens.{gate.gate}", to=view.to_region))
    return section(
        title,
        what,
        facts(told),
        _decide(frame, room, gate),
        h("p", t("failover.cli", center=view.acting_center), class_="quiet"),
        h("pre", line, class_="paper", lang="en", tabindex="0"),
    )


def _names(frame: Frame, names: Sequence[str]) -> Child:
    return ", ".join(names) if names else tag(frame.words("failover.free.nobody"), "bad")


def _decide(frame: Frame, room: RoomView, gate: GateView) -> Html | None:
    view, me = room.view, room.me
    if me is None or not view.may_act:
        return None
    here: dict[str, Value] = {"run": view.run, "gate": gate.gate}
    has_approved = any(one.who == me.name for one in gate.approvals)
    links: list[Child] = []
    if not view.held:
        links.append(_link(frame, "failover-approve", here, is_main=True) if not has_approved else None)
        links.append(_link(frame, "failover-break-glass", here))
    links.insert(1, _link(frame, "failover-deny", here))
    links.append(_link(frame, "failover-withdraw", here) if has_approved else None)
    return h("p", links, class_="deeds")


def _steps(frame: Frame, room: RoomView) -> Html:
    t, view = frame.words, room.view
    heads = [
        (t("failover.step"), "k"),
        (t("failover.phase"), ""),
        (t("failover.standing"), ""),
        (t("col.tries"), "n"),
        (t("col.detail"), "w"),
        (t("failover.do"), ""),
    ]
    rows: list[list[Child]] = [
        [
            t("failover.undo", step=step.name) if step.is_undo else step.name,
            part_name(frame, step.phase),
            tag(t.maybe(f"failover.standing.{step.standing}", step.standing), _STANDS.get(step.standing, "")),
            t.number(step.attempts),
            _detail(frame, view, step),
            _answers(frame, room, step) or "–",
        ]
        for step in view.steps
    ]
    return table(heads, rows, t("failover.steps"), t("failover.nobody"))


def _detail(frame: Frame, view: RunView, step: StepView) -> Child:
    lines: list[Child] = [
        h("p", tag(frame.words("failover.ticked"), "good") if number in step.ticked else "☐", " ", said(line_of(view, text)))
        for number, text in enumerate(step.checklist, 1)
    ]
    return [said(step.detail) if step.detail else None if lines else "–", *lines]


def _answers(frame: Frame, room: RoomView, step: StepView) -> Html | None:
    """What people may say of a step whose time has come; whether it does is judged when they do."""
    view = room.view
    is_due = step.standing in ("failed", "under-way") or (step.standing == "waiting" and (step.attempts or _is_now(view, step)))
    if room.me is None or not view.may_act or view.state in OVER or not is_due:
        return None
    here: dict[str, Value] = {"run": view.run, "step": step.name, "undo": "yes" if step.is_undo else None}
    links: list[Child] = []
    if len(step.ticked) < len(step.checklist) and step.attempts:
        links.append(_link(frame, "failover-tick", here, is_main=True))
    if step.standing != "under-way":
        links.append(_link(frame, "failover-again", here) if step.standing == "failed" else None)
        links.append(_link(frame, "failover-by-hand", here))
        links.append(_link(frame, "failover-waive", here) if step.is_reversible or step.is_undo else None)
    return h("span", links, class_="deeds") if any(links) else None


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
        [str(row.number), t.moment(row.at_ms), row.what, row.who or "–", said(row.text) if row.text else "–"]
        for row in reversed(view.log[-LOG_SHOWN:])
    ]
    return table(heads, rows, t("failover.log"), t("failover.nobody"))


def _is_now(view: RunView, step: StepView) -> bool:
    state = State[view.state]
    if state in BACKING:
        return step.is_undo
    phase = PHASE_OF.get(state)
    is_prepared = step.phase == Phase.PREPARE.value and state in PREPARING
    return not step.is_undo and (is_prepared or (phase is not None and step.phase == phase.value))
