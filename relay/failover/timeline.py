"""The picture of a run: what happened when, one bar per step under the bar of the states. An SVG as text, nothing outside
it. Pure.

Owns the drawing. It must never be the only place that says something: the tables beside it say it too. The trap: names in
it are strangers' texts, so each is escaped.
"""

from __future__ import annotations

from html import escape
from typing import Final

from relay.failover.view import RunView

WIDTH, LEFT, ROW, TOP = 1_000, 210, 20, 44
_TICKS_MS: Final = (5_000, 15_000, 60_000, 300_000, 600_000, 1_800_000, 3_600_000, 14_400_000)
_COLOURS: Final = {
    "done": "#1b7f4d",
    "found": "#1b7f4d",
    "by-hand": "#946200",
    "waived": "#946200",
    "failed": "#a50e0e",
    "under-way": "#1f5fa8",
}


def timeline_svg(view: RunView) -> str:
    """Parts of the recovery above, steps below; the time runs from the declaration to the end, or to now."""
    clock = view.clock
    if clock is None or clock.elapsed_ms <= 0:
        return "<p>nothing to draw</p>"
    begun = [step for step in view.steps if step.began_ms]
    height = TOP + ROW * (len(begun) + 1) + 12
    out = [
        f'<svg viewBox="0 0 {WIDTH} {height}" role="img" aria-label="{escape(_in_words(view))}" '
        f'xmlns="http://www.w3.org/2000/svg" font-family="system-ui,sans-serif" font-size="12">'
    ]
    span = clock.elapsed_ms

    def x(at_ms: int) -> float:
        return round(LEFT + (WIDTH - LEFT - 10) * min(1.0, max(0.0, (at_ms - clock.began_ms) / span)), 1)

    for gate, opened_ms, passed_ms in _waits(view, clock.began_ms + span):
        width = max(1.0, round(x(passed_ms) - x(opened_ms), 1))
        out.append(
            f'<rect x="{x(opened_ms)}" y="{TOP - 18}" width="{width}" height="{height - TOP + 10}" fill="#eef2f6">'
            f"<title>{escape(gate)}: people deliberate</title></rect>"
            f'<text x="{x(opened_ms) + 3}" y="{TOP - 6}" fill="#4a5763">{escape(gate)}</text>'
        )
    step_ms = next((one for one in _TICKS_MS if span // one <= 10), _TICKS_MS[-1])
    for at_ms in range(0, span + 1, step_ms):
        label = f"{at_ms // 60_000} min" if step_ms >= 60_000 else f"{at_ms // 1_000} s"
        out.append(f'<text x="{x(clock.began_ms + at_ms)}" y="14" fill="#4a5763">{label}</text>')
    for number, step in enumerate(begun):
        y = TOP + ROW * number
        end = step.ended_ms or clock.began_ms + span
        name = f"{step.name} (undo)" if step.is_undo else step.name
        colour = _COLOURS.get(step.standing, "#7a8794")
        width = max(2.0, round(x(end) - x(step.began_ms), 1))
        out.append(f'<text x="{LEFT - 8}" y="{y + 12}" text-anchor="end">{escape(name[:32])}</text>')
        out.append(
            f'<rect x="{x(step.began_ms)}" y="{y + 2}" width="{width}" height="{ROW - 7}" '
            f'fill="{colour}"><title>{escape(name)}: {escape(step.standing)} {escape(step.detail)}</title></rect>'
        )
    out.append("</svg>")
    return "".join(out)


def _waits(view: RunView, end_ms: int) -> list[tuple[str, int, int]]:
    """When each gate waited for people."""
    waits: list[tuple[str, int, int]] = []
    for row in view.log:
        if row.what == "gate-opened":
            waits.append((row.text.partition(" in parts")[0], row.at_ms, end_ms))
        elif row.what in ("gate-passed", "denied", "abort") and waits and waits[-1][2] == end_ms:
            waits[-1] = (*waits[-1][:2], row.at_ms)
    return waits


def _in_words(view: RunView) -> str:
    minutes = 0 if view.clock is None else view.clock.elapsed_ms // 60_000
    return f"timeline of {view.run}: {len(view.steps)} steps in {minutes} minutes, ended as {view.state}"
