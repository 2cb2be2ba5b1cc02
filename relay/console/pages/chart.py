"""Charts as SVG: lines over time, with a scale that people read at a glance, and the newest value in figures beside them.

Owns the drawing. Pure. It must never know what is drawn. The traps: a gap in time is a gap in the line, never a straight one
across it; and the scale ends at a round number, so that the picture does not jump with each new point.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

import msgspec

from relay.console.html import Child, Html, h

WIDTH: Final = 640
HEIGHT: Final = 240
LEFT: Final = 84
BOTTOM: Final = 30
TOP: Final = 18
ROUND: Final = (1, 2, 4, 8)  # a quarter of each is a number that people read at once


class Series(msgspec.Struct, frozen=True):
    """`values` are (milliseconds, value); None is a gap. `kind` is its class in the style sheet."""

    name: str
    kind: str
    values: Sequence[tuple[int, float | None]]


def chart(
    series: Sequence[Series],
    from_ms: int,
    to_ms: int,
    gap_ms: int,
    said: Callable[[float], str],
    clock: Callable[[int], str],
    title: str,
) -> Html:
    """Lines of several series between two moments (wall clock, milliseconds). `said` writes a value, `clock` a moment."""
    highest = max((value for each in series for _, value in each.values if value is not None), default=0.0)
    top = round_up(highest)
    span_ms = max(1, to_ms - from_ms)

    def x_of(ms: int) -> float:
        return LEFT + (WIDTH - LEFT - 6) * (ms - from_ms) / span_ms

    def y_of(value: float) -> float:
        return TOP + (HEIGHT - TOP - BOTTOM) * (1 - value / top)

    parts: list[Child] = []
    for step in range(5):
        value = top * step / 4
        y = y_of(value)
        parts.append(h("path", d=f"M{LEFT} {y:.1f}H{WIDTH - 6}", class_="grid"))
        parts.append(h("text", said(value), x=LEFT - 8, y=f"{y + 4:.1f}", text_anchor="end"))
    for step in range(1, 5):
        ms = from_ms + span_ms * step // 5
        parts.append(h("text", clock(ms), x=f"{x_of(ms):.1f}", y=HEIGHT - 6, text_anchor="middle"))
    for each in series:
        points = [(ms, value) for ms, value in each.values if from_ms <= ms <= to_ms]
        d = line(points, gap_ms, x_of, y_of)
        if d:
            parts.append(h("path", d=d, class_=f"line {each.kind}"))
    return h("svg", parts, viewBox=f"0 0 {WIDTH} {HEIGHT}", class_="chart", role="img", aria_label=title)


def spark(values: Sequence[tuple[int, float | None]], gap_ms: int, title: str) -> Html | None:
    """A line without a scale, for a tile; None where there is nothing to draw."""
    known = [value for _, value in values if value is not None]
    if len(known) < 2:
        return None
    top, first, last = max(*known, 1.0), values[0][0], values[-1][0]
    span = max(1, last - first)
    d = line(values, gap_ms, lambda ms: 200 * (ms - first) / span, lambda value: 34 - 32 * value / top)
    return h(
        "svg",
        h("path", d=d, class_="line quiet"),
        viewBox="0 0 200 36",
        class_="spark",
        preserveAspectRatio="none",
        role="img",
        aria_label=title,
    )


def line(
    values: Sequence[tuple[int, float | None]], gap_ms: int, x_of: Callable[[int], float], y_of: Callable[[float], float]
) -> str:
    """The path; it is lifted where a value is missing or the next one comes much later."""
    drawn: list[str] = []
    before_ms: int | None = None
    for ms, value in values:
        if value is None:
            before_ms = None
            continue
        is_joined = before_ms is not None and ms - before_ms <= gap_ms
        drawn.append(f"{'L' if is_joined else 'M'}{x_of(ms):.1f} {y_of(value):.1f}")
        before_ms = ms
    return "".join(drawn)


def round_up(value: float) -> float:
    """The next of ROUND times a power of ten; at least 4, so that a quarter is a whole number where only those occur."""
    power = 1.0
    while True:
        for digit in ROUND:
            if max(4.0, value) <= digit * power:
                return digit * power
        power *= 10
