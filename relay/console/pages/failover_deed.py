"""The page on which somebody decides in the failover room: what will happen, said again with the facts that it rests on, and
what the form may offer.

Owns its look. Pure. It must never say that something is allowed: the orchestrator judges what is sent. The traps: an approval
signs what this page showed, so the digits in its form are those of the evidence on the same page; and a link from an
old page may name a run or a gate that is over, which is said instead of a form.
"""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from relay.console.deedkinds import Deed
from relay.console.html import Child, Html, h, join
from relay.console.pages.failover_facts import calendar_of, clock_of, evidence_of, line_of, part_name, said, snapshot_of
from relay.console.pages.layout import Frame, facts, table, tag
from relay.errors import RelayError
from relay.failover.room import PersonRow, RoomView
from relay.failover.view import GateView, RunView, StepView

Given = Mapping[str, tuple[str, ...]]
AT_GATE = frozenset({"failover-approve", "failover-deny", "failover-withdraw", "failover-break-glass"})
OF_STEP = frozenset({"failover-tick", "failover-again", "failover-by-hand", "failover-waive"})
ALONE_WILL_DO = frozenset({"failover-adopt", "failover-say"})
BACKWARD = frozenset({"done", "found", "under-way", "by-hand"})


class Offer(msgspec.Struct, frozen=True, kw_only=True):
    """What a form needs beside its deed: `shown` above the fields; `known` values by field, each with its words; `lines` of a
    checklist that are open."""

    shown: Html | None = None
    known: Mapping[str, tuple[tuple[str, str], ...]] = msgspec.field(default_factory=dict)
    lines: tuple[tuple[int, str], ...] = ()


class NotHere(RelayError):
    """The link was for something that is over, or not for this person."""


def offer_of(frame: Frame, deed: Deed, room: RoomView, given: Given) -> tuple[Offer, Given]:
    """And `given` with the digits of what is shown. Raises NotHere."""
    t, view, me = frame.words, room.view, room.me
    if me is None:
        login = "" if frame.person is None else frame.person.name
        raise NotHere(
            f"{login} has no part in a failover.", "The orchestrator's configuration names who has, and by which login."
        )
    shown: list[Child] = []
    known: dict[str, tuple[tuple[str, str], ...]] = {"role": tuple((role, role) for role in me.roles)}
    lines: tuple[tuple[int, str], ...] = ()
    filled = dict(given)
    if deed.name == "failover-declare":
        shown, known["version"] = _declare(frame, room)
        if len(known["version"]) == 1:
            filled["version"] = (known["version"][0][0],)
    else:
        if _first(given, "run") != view.run or not view.run:
            raise NotHere(f"the run {_first(given, 'run')[:64] or 'of that form'} is not the one that is here.", "Look again.")
        if deed.name in AT_GATE:
            gate = _gate_of(view, given)
            filled["seen"] = (gate.binding,)
            shown = _at_gate(frame, deed, view, gate)
            wanted = tuple(role for role in me.roles if role in gate.roles)
            known["role"] = tuple((role, role) for role in wanted)
        elif deed.name in OF_STEP:
            step = _step_of(view, given)
            shown = [facts(_of_step(frame, step))]
            lines = tuple((n, line_of(view, text)) for n, text in enumerate(step.checklist, 1) if n not in step.ticked)
        else:
            shown = _of_run(frame, deed, view)
    others = tuple((one.name, f"{one.name} ({', '.join(one.roles)})") for one in room.people if one.name != me.name)
    known["second"] = (("", t("failover.nobody")), *others) if deed.name in ALONE_WILL_DO else others
    if len(known["role"]) == 1:
        filled["role"] = (known["role"][0][0],)
    return Offer(shown=join(_me(frame, me), *shown), known=known, lines=lines), filled


def _first(given: Given, name: str) -> str:
    values = given.get(name, ())
    return values[0] if values else ""


def _me(frame: Frame, me: PersonRow) -> Html:
    t = frame.words
    return join(
        h("p", t("failover.me", who=me.name, roles=", ".join(me.roles)), class_="quiet"),
        None if me.has_authenticator else h("p", t("failover.no-authenticator"), class_="wrong", role="alert"),
    )


# ---- to declare --------------------------------------------------------------------------------------------------------
def _declare(frame: Frame, room: RoomView) -> tuple[list[Child], tuple[tuple[str, str], ...]]:
    t = frame.words
    heads = [(t("failover.plan"), ""), (t("failover.way"), ""), (t("failover.approves"), ""), (t("failover.version"), "w")]
    rows: list[list[Child]] = [
        [
            one.file,
            f"{one.from_region} → {one.to_region}" if one.to_region else "–",
            ", ".join(one.roles) or "–",
            said(one.problem) if one.problem else h("code", one.version),
        ]
        for one in room.plans
    ]
    usable = tuple((one.version, f"{one.file}: {one.name} · {one.kind}") for one in room.plans if not one.problem)
    return [calendar_of(frame, room.view), table(heads, rows, t("failover.plans"), t("failover.plans.none"))], usable


# ---- at a gate ---------------------------------------------------------------------------------------------------------
def _gate_of(view: RunView, given: Given) -> GateView:
    if view.gate is None or str(view.gate.gate) != _first(given, "gate"):
        raise NotHere(f"gate {_first(given, 'gate')[:8]} is not open.", "Look again: the failover room shows what is.")
    return view.gate


def _at_gate(frame: Frame, deed: Deed, view: RunView, gate: GateView) -> list[Child]:
    t = frame.words
    told: list[tuple[str, Child]] = [
        (t("failover.run"), view.run),
        (t("failover.gate", n=f"{gate.gate} {gate.part}".strip()), t(f"failover.opens.{gate.gate}", to=view.to_region)),
        (t("failover.missing"), tag(", ".join(gate.missing), "warn") if gate.missing else t("failover.nobody")),
    ]
    if deed.name == "failover-deny":
        told.append((t("failover.denied"), t("failover.denied.hold") if gate.gate == 3 else t("failover.denied.back")))
    if deed.name not in ("failover-approve", "failover-break-glass"):
        return [facts(told)]
    told += snapshot_of(frame, view, gate)
    if gate.stops:
        told.append((t("failover.stops"), [h("p", said(text), class_="wrong") for text in gate.stops]))
    if gate.warnings:
        told.append((t("failover.warnings"), [h("p", said(text)) for text in gate.warnings]))
    return [
        facts(told),
        evidence_of(frame, view.evidence) if view.evidence else None,
        clock_of(frame, view.clock, with_parts=False) if view.clock else None,
        calendar_of(frame, view),
    ]


# ---- the run and its steps ---------------------------------------------------------------------------------------------
def _of_run(frame: Frame, deed: Deed, view: RunView) -> list[Child]:
    t = frame.words
    told: list[tuple[str, Child]] = [
        (t("failover.run"), view.run),
        (t("failover.state"), t.maybe(f"failover.state.{view.state}", view.state)),
    ]
    if view.held:
        told.append((t("failover.held"), said(f"{view.held_by}: {view.held}" if view.held_by else view.held)))
    if deed.name == "failover-abort":
        back = [one.name for one in view.steps if not one.is_undo and one.is_reversible and one.standing in BACKWARD]
        told.append((t("failover.taken-back"), said(", ".join(reversed(back))) if back else t("failover.nobody")))
    if deed.name == "failover-adopt":
        told.append((t("failover.acts"), t("failover.acts.there", center=view.acting_center, term=view.term)))
    return [facts(told)]


def _step_of(view: RunView, given: Given) -> StepView:
    is_undo = _first(given, "undo") == "yes"
    found = next((one for one in view.steps if one.name == _first(given, "step") and one.is_undo is is_undo), None)
    if found is None:
        raise NotHere(f"there is no step {_first(given, 'step')[:64]}.", "Look again.")
    return found


def _of_step(frame: Frame, step: StepView) -> list[tuple[str, Child]]:
    t = frame.words
    name = t("failover.undo", step=step.name) if step.is_undo else step.name
    told: list[tuple[str, Child]] = [
        (t("failover.step"), f"{name} ({step.action})"),
        (t("failover.phase"), part_name(frame, step.phase)),
        (t("failover.standing"), t.maybe(f"failover.standing.{step.standing}", step.standing)),
    ]
    if step.detail:
        told.append((t("col.detail"), said(step.detail)))
    if not step.is_reversible:
        told.append((t("failover.back"), tag(t("failover.no-way-back"), "bad")))
    return told
