"""The first page: is it well, what is wrong, and the one picture of both centers and both regions.

Owns its look. Pure. It must never judge: control/problems.py does, as for `relay status`. The trap: whoever looks was woken
up; the first line answers the first question, and what is in order takes no room.
"""

from __future__ import annotations

from collections.abc import Sequence

from relay.console.html import Child, Html, h, join
from relay.console.pages.chart import spark
from relay.console.pages.drawing import drawing
from relay.console.pages.layout import Frame, link, page, section, table, tag
from relay.console.pages.signatures import signatures
from relay.console.picture import picture_of
from relay.console.ring import FINE_MS, Point
from relay.control.problems import Problem, problems
from relay.control.regions import RegionsReport
from relay.control.report import ListenerReport, StatusReport

SPARK_COUNT = 120  # points: ten minutes


def overview(frame: Frame, status: StatusReport, regions: RegionsReport, points: Sequence[Point], refresh_ms: int) -> Html:
    t = frame.words
    found = list(problems(status))
    return page(
        frame,
        t("nav.overview"),
        _headline(frame, status, found),
        _found(found),
        drawing(picture_of(status, regions), t),
        signatures(frame, status.signatures, "" if frame.person is None else frame.person.name, t("failover.lone")),
        _tiles(frame, status, points[-SPARK_COUNT:]),
        section(t("overview.lines"), _listeners(frame, status.listeners)),
        refresh_ms=refresh_ms,
    )


def _headline(frame: Frame, status: StatusReport, found: Sequence[Problem]) -> Html:
    t = frame.words
    meaning = {"serving": "warn" if found else "good", "fenced": "bad"}.get(status.state, "warn")
    said = t(f"state.{status.state}")
    if status.state == "serving" and found:
        said = t("state.serving-with", n=len(found))
    elif status.state == "serving" and status.listed:
        meaning, said = "warn", t("state.serving-listed", n=t.number(status.listed))
    elif status.state == "serving":
        said = t("state.serving-well")
    where = t("overview.where", region=status.region.region or "–", epoch=status.region.epoch or "–")
    up = t("overview.up", up=t.unbroken(status.uptime_ms))
    return h("p", h("strong", said), h("span", f"{where} · {up}", class_="quiet"), class_=f"headline {meaning}")


def _found(found: Sequence[Problem]) -> Html | None:
    """In the relay's own words, as `relay status` says them."""
    if not found:
        return None
    rows = [h("li", h("span", each.text), h("small", each.next_step) if each.next_step else None) for each in found]
    return h("ul", rows, class_="problems", lang="en")


def _tiles(frame: Frame, status: StatusReport, points: Sequence[Point]) -> Html:
    t = frame.words
    signed_on = sum(each.signed_on for each in status.listeners)
    expected = sum(each.expected for each in status.listeners)
    now = points[-1] if points else None
    rates = [(each.at_ms, each.all_per_s) for each in points]
    slowest = [(each.at_ms, each.p99_ms) for each in points]
    owed_note = t("tile.oldest", age=t.duration(status.owed_oldest_ms)) if status.owed else ""
    doubted = sum(count for name, count in status.exchanges.items() if name in ("in_doubt", "undoing", "repeating", "held"))
    return h(
        "div",
        _tile(t("tile.sessions"), t.number(signed_on), t("tile.of", n=t.number(expected)) if expected else "", "/sessions"),
        _tile(
            t("tile.rate"),
            "–" if now is None else t.rate(now.all_per_s),
            "",
            "/traffic",
            spark(rates, FINE_MS * 3, t("tile.rate")),
            unit=t("unit.short-per-s"),
        ),
        _tile(
            t("tile.p99"),
            "–" if now is None else t.millis(now.p99_ms),
            "",
            "/traffic",
            spark(slowest, FINE_MS * 3, t("tile.p99")),
            unit=t("unit.ms"),
        ),
        _tile(t("tile.owed"), t.number(status.owed), owed_note, "/owed"),
        _tile(t("tile.doubt"), t.number(doubted), "", "/owed"),
        _tile(
            t("tile.listed"),
            t.number(status.listed),
            t("tile.person") if status.listed else "",
            "/owed",
            meaning="warn" if status.listed else "",
        ),
        class_="tiles",
    )


def _tile(name: str, value: str, note: str, path: str, drawn: Child = None, meaning: str = "", unit: str = "") -> Html:
    said = h("small", unit) if unit else h("small", note, class_="note") if note else None
    return h(
        "a",
        h("span", name, class_="name"),
        h("span", h("b", value), " ", said, class_="value"),
        drawn,
        href=path,
        class_=f"tile {meaning}".strip(),
    )


def _listeners(frame: Frame, listeners: Sequence[ListenerReport]) -> Html:
    t = frame.words
    heads = [
        (t("col.listener"), ""),
        (t("col.dialect"), ""),
        (t("col.signed-on"), "n"),
        (t("col.links"), "n"),
        (t("col.endpoint"), "w far"),
        (t("col.state"), ""),
    ]
    rows: list[list[Child]] = []
    for each in listeners:
        expected = h("small", " / ", t.number(each.expected)) if each.expected else None
        word = "open" if each.is_open else "shut"
        if each.is_dialer:
            word = "connected" if each.is_open else "not-connected"
        rows.append(
            [
                link(each.name, "/sessions", listener=each.name),
                each.dialect,
                join(t.number(each.signed_on), expected),
                t.number(each.links),
                each.endpoint,
                tag(t(f"line.{word}"), "" if each.is_open else "bad"),
            ]
        )
    return table(heads, rows, t("overview.lines"), t("overview.no-lines"))
