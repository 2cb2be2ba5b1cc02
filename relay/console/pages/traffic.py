"""Messages per second and how long they take, over half an hour or a day.

Owns its look. Pure. It must never read a metric. The trap: a day is drawn from minutes and half an hour from five seconds, and
the page says which, since the highest point of a minute's mean is not the highest point.
"""

from __future__ import annotations

from collections.abc import Sequence

from relay.console.html import Html, h, join
from relay.console.pages.chart import Series, chart
from relay.console.pages.layout import Frame, page, section
from relay.console.ring import COARSE_COUNT_MAX, COARSE_EVERY, FINE_COUNT_MAX, FINE_MS, SHARES, Point

SPANS_MS = {"half-hour": FINE_COUNT_MAX * FINE_MS, "day": COARSE_COUNT_MAX * COARSE_EVERY * FINE_MS}
STEPS_MS = {"half-hour": FINE_MS, "day": FINE_MS * COARSE_EVERY}
LEAST_MS = 300_000
GAP_STEPS = 3  # beyond so many steps without a point the line is lifted


def traffic(frame: Frame, points: Sequence[Point], span: str, now_ms: int, refresh_ms: int) -> Html:
    """`span` is a name of SPANS_MS."""
    t = frame.words
    gap_ms = STEPS_MS[span] * GAP_STEPS
    newest = points[-1] if points else None
    young_ms = now_ms - points[0].at_ms if points else 0  # a relay that has just begun fills its chart all the same
    from_ms = now_ms - min(SPANS_MS[span], max(LEAST_MS, young_ms))

    def drawn(title: str, series: Sequence[Series], unit: str, *, is_rate: bool) -> Html:
        said = (lambda value: t.rate(value)) if is_rate else (lambda value: t.millis(value))
        legend = [
            h("li", h("i", class_=f"key {each.kind}"), each.name, " ", h("b", _last(frame, each, is_rate=is_rate)))
            for each in series
        ]
        picture = chart(series, from_ms, now_ms, gap_ms, said, t.minute, title)
        return section(f"{title} · {unit}", h("ul", legend, class_="keys"), picture)

    rates = [Series(t(f"share.{name}"), name, [(each.at_ms, each.per_s.get(name, 0.0)) for each in points]) for name in SHARES]
    times = [
        Series(t("traffic.p50"), "p50", [(each.at_ms, each.p50_ms) for each in points]),
        Series(t("traffic.p99"), "p99", [(each.at_ms, each.p99_ms) for each in points]),
        Series(t("traffic.core-p99"), "core", [(each.at_ms, each.core_p99_ms) for each in points]),
    ]
    waiting = [Series(t("traffic.queue"), "p50", [(each.at_ms, float(each.queue)) for each in points])]
    present = [Series(t("tile.sessions"), "p50", [(each.at_ms, float(each.sessions)) for each in points])]
    spans = [
        h("a", t(f"span.{name}"), href=f"/traffic?span={name}", aria_current="true" if name == span else None)
        for name in SPANS_MS
    ]
    return page(
        frame,
        t("nav.traffic"),
        h("p", t("traffic.none"), class_="empty") if newest is None else None,
        h(
            "div",
            drawn(t("traffic.rate"), rates, t("unit.per-s"), is_rate=True),
            drawn(t("traffic.time"), times, t("unit.ms"), is_rate=False),
            drawn(t("traffic.waiting"), waiting, t("unit.messages"), is_rate=True),
            drawn(t("traffic.present"), present, t("unit.sessions"), is_rate=True),
            class_="charts",
        ),
        refresh_ms=refresh_ms,
        tools=join(
            h("nav", spans, class_="spans", aria_label=t("traffic.span")),
            h("p", t(f"span.{span}.what"), class_="quiet"),
        ),
    )


def _last(frame: Frame, series: Series, *, is_rate: bool) -> str:
    value = series.values[-1][1] if series.values else None
    if value is None:
        return "–"
    return frame.words.rate(value) if is_rate else frame.words.millis(value)
