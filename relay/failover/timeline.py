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

    at_ms = clock.began_ms
    for row in view.log:
        if row.what in ("gate-opened", "gate-passed"):
            out.append(
                f'<line x1="{x(row.at_ms)}" x2="{x(row.at_ms)}" y1="{TOP - 8}" y2="{height - 8}" stroke="#7a8794" '
                f'stroke-dasharray="{"2 3" if row.what == "gate-opened" else "0"}"><title>{escape(row.text)} '
                f"{escape(row.what)}</title></line>"
            )
    minutes = max(1, span // 60_000 // 8)
    while at_ms <= clock.began_ms + span:
        out.append(f'<text x="{x(at_ms)}" y="16" fill="#4a5763">{(at_ms - clock.began_ms) // 60_000} min</text>')
        at_ms += minutes * 60_000
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


def _in_words(view: RunView) -> str:
    minutes = 0 if view.clock is None else view.clock.elapsed_ms // 60_000
    return f"timeline of {view.run}: {len(view.steps)} steps in {minutes} minutes, ended as {view.state}"
