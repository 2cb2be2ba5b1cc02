"""The run at one look: its parts in a row, what is past, where it stands now, when it will be over, and the point of no return.

Owns its look. Pure. It must never judge: state, clock and ways back are the orchestrator's. The traps: whoever looks was woken
up, so the first line says what is waited for; and colour is not enough, so each part says in words how it stands.
"""

from __future__ import annotations

from typing import Final

from relay.console.html import Child, Html, h
from relay.console.pages.failover_facts import part_name
from relay.console.pages.layout import Frame
from relay.failover.rtoclock import ClockView, PartView
from relay.failover.view import RunView

PAST, HERE, AHEAD, NEVER = "past", "here", "ahead", "never"
NO_RETURN: Final = "promote"  # the part that begins where nothing can be taken back any more
_BACK: Final = frozenset({"CANCEL_PREP", "ROLLBACK", "ABORTED"})
_BAD: Final = frozenset({"CANCEL_PREP", "ROLLBACK"})


def rail(frame: Frame, view: RunView) -> Html | None:
    """Nothing where there is no run, or a newer orchestrator tells no clock."""
    if view.clock is None:
        return None
    return h("div", _headline(frame, view, view.clock), _row(frame, view, view.clock), class_="rail")


def _headline(frame: Frame, view: RunView, clock: ClockView) -> Html:
    t = frame.words
    meaning = "bad" if view.stopped or view.state in _BAD else "warn" if view.held or view.gate else "good"
    said = t.maybe(f"failover.state.{view.state}", view.state)
    if view.held:
        said = t("rail.held", state=said)
    parts = [f"{view.from_region} → {view.to_region}", f"{t('failover.elapsed')} {t.unbroken(clock.elapsed_ms)}"]
    if view.state not in _BACK:
        parts.append(f"{t('failover.over') if clock.is_over else t('failover.finish')} {t.clock(clock.finish_ms)}")
    missed: Child = [" ", h("span", t("failover.miss"), class_="tag bad")] if clock.will_miss else None
    return h("p", h("strong", said), h("span", " · ".join(parts), missed, class_="quiet"), class_=f"headline {meaning}")


def _row(frame: Frame, view: RunView, clock: ClockView) -> Html:
    t = frame.words
    return h(
        "ol",
        [_part(frame, part, _stands(view, clock, number)) for number, part in enumerate(clock.parts)],
        aria_label=t("rail"),
    )


def _stands(view: RunView, clock: ClockView, number: int) -> str:
    if clock.parts[number].is_now:
        return HERE
    if view.state == "DONE":
        return PAST
    here = next((at for at, part in enumerate(clock.parts) if part.is_now), None)
    if here is None:  # before the first gate, or on the way back
        return PAST if clock.parts[number].spent_ms else NEVER if view.state in _BACK else AHEAD
    return PAST if number < here else AHEAD


def _part(frame: Frame, part: PartView, stands: str) -> Html:
    t = frame.words
    is_gate = part.name.startswith("gate ")
    ms = part.left_ms if stands == AHEAD else part.spent_ms
    time = "–" if stands == NEVER else t.duration(ms)
    over = " over" if part.is_over_budget else ""
    kinds = f"{stands}{' gate' if is_gate else ''}{over}{' no-return' if part.name == NO_RETURN else ''}"
    return h(
        "li",
        h("span", t(f"rail.{stands}"), class_="hidden"),
        h("b", part_name(frame, part.name)),
        h("small", ("≈ " if stands == AHEAD else "") + time),
        h("small", t("rail.no-return"), class_="mark") if part.name == NO_RETURN else None,
        class_=kinds,
        aria_current="step" if stands == HERE else None,
    )
