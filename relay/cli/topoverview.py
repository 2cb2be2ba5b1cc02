"""The first page of `relay top`: is it well, both centers and both regions, who is there, how fast it goes, what waits, the
run.

Owns its lines. Pure. It must never judge: control/problems.py and console/picture.py do, as for `relay status` and the
console. The trap: whoever looks was woken up, so what is wrong stands above everything, and eighty columns by twenty-four rows
hold it all.
"""

from __future__ import annotations

from collections.abc import Iterator

from relay.cli.screen import BOLD, DIM, GREEN, RED, YELLOW, count, duration
from relay.cli.signatures import in_words
from relay.cli.spans import Line, Span, columns_of, text
from relay.cli.topfailover import lone_of, run_line
from relay.cli.topsnap import Snapshot
from relay.cli.topwords import Words
from relay.console.picture import FAILING, GOOD, CenterPlace, Picture, picture_of
from relay.console.ring import SHARES
from relay.control.problems import problems
from relay.control.report import StatusReport

PROBLEMS_SHOWN_MAX = 3
_COLOURS = {GOOD: GREEN, FAILING: RED, "part": YELLOW}
_MARKS = {GOOD: "*", FAILING: "!", "part": "!"}
DOUBTFUL = ("in_doubt", "undoing", "repeating", "held")


def overview(snapshot: Snapshot, t: Words) -> Iterator[Line]:
    status = snapshot.status
    if status is None:
        return
    found = list(problems(status))
    yield from _headline(status, len(found), t)
    yield from (((RED, " ! "), ("", each.text)) for each in found[:PROBLEMS_SHOWN_MAX])
    if len(found) > PROBLEMS_SHOWN_MAX:
        yield text(f"   +{len(found) - PROBLEMS_SHOWN_MAX} {t('more')}", DIM)
    yield text("")
    picture = picture_of(status, snapshot.regions)
    yield from _centers(picture, t)
    yield from _regions(picture, t)
    yield text("")
    yield from _sessions(status, t)
    yield from _pace(snapshot, status, t)
    yield from _waiting(snapshot, status, t)
    yield run_line(snapshot, t)
    if rows := lone_of(snapshot):
        more = f" +{len(rows) - 1} {t('more')}" if len(rows) > 1 else ""
        yield ((BOLD + YELLOW, f" {t('half')}: "), ("", f"{in_words(rows[0])}{more}"))


def _headline(status: StatusReport, found: int, t: Words) -> Iterator[Line]:
    colour = {"serving": YELLOW if found else GREEN, "fenced": RED}.get(status.state, YELLOW)
    said = t(status.state) + (f", {found} {t('problems')}" if found else "")
    where = f"   {t('region')} {status.region.region or '-'}, {t('epoch')} {status.region.epoch or '-'}"
    yield (
        (BOLD + colour, f" {said}"),
        ("", f"   {status.center or '?'}"),
        ("", where),
        (DIM, f"   {t('up')} {duration(status.uptime_ms)}"),
    )


def _mark(state: str) -> Span:
    return _COLOURS.get(state, DIM), _MARKS.get(state, "?")


def _state(state: str, t: Words) -> Span:
    return _COLOURS.get(state, DIM), t(state if state in (GOOD, FAILING, "part") else "unknown")


def _centers(picture: Picture, t: Words) -> Iterator[Line]:
    heads = ("", t("center"), t("role"), t("announces"), t("epoch"), t("signed-on"), t("heard"))
    rows: list[list[Span]] = [[(DIM, head) for head in heads]]
    for place in picture.centers:
        epoch = str(place.epoch or "-")
        sessions = "-" if place.sessions is None else count(place.sessions)
        rows.append(
            [
                _mark(place.state),
                ("", place.name),
                ("", place.role or "-"),
                _announces(place, t),
                ("", epoch),
                ("", sessions),
                _heard(place, t),
            ]
        )
    yield from columns_of(rows, right=(4, 5))


def _announces(place: CenterPlace, t: Words) -> Span:
    if place.announces is None:
        return DIM, t("unknown") if not place.is_own else "-"
    return (GREEN, t("yes")) if place.announces else ("", t("no"))


def _heard(place: CenterPlace, t: Words) -> Span:
    if place.is_own:
        return DIM, t("here")
    return ("", t("never")) if place.age_ms is None else ("", f"{duration(place.age_ms)} {t('ago')}")


def _regions(picture: Picture, t: Words) -> Iterator[Line]:
    heads = ["", t("region"), "", t("epoch"), *(f"{t('from')} {center.name}" for center in picture.centers)]
    rows: list[list[Span]] = [[(DIM, head) for head in heads]]
    for number, place in enumerate(picture.regions):
        active = (BOLD + GREEN, t("active")) if place.is_active else ("", "")
        cells: list[Span] = [_mark(place.state), ("", place.name), active, ("", str(place.epoch or "-"))]
        for center in range(len(picture.centers)):
            line = next((one for one in picture.lines if (one.center, one.region) == (center, number)), None)
            style, said = _state("" if line is None else line.state, t)
            used = f"{t('carries')} ==" if line is not None and line.is_used else ""
            cells.append((style, f"{said} {used}".rstrip()))
        rows.append(cells)
    if picture.regions:
        yield from columns_of(rows, right=(3,))
    crossing = picture.crossing
    if crossing is not None:
        through = f"; {t('through')}" if crossing.is_used else ""
        said = f" {t('crossing')}: {crossing.paths_up} {t('of')} {crossing.paths} {t('paths')}{through}"
        yield (_mark_wide(crossing.state), ("", said))


def _mark_wide(state: str) -> Span:
    style, mark = _mark(state)
    return style, f" {mark}"


def _sessions(status: StatusReport, t: Words) -> Iterator[Line]:
    """One line: who is signed on, of how many of a usual day, by dialect."""
    on: dict[str, int] = {}
    usual: dict[str, int] = {}
    for listener in status.listeners:
        on[listener.dialect] = on.get(listener.dialect, 0) + listener.signed_on
        usual[listener.dialect] = usual.get(listener.dialect, 0) + listener.expected
    pieces: list[Span] = [(DIM, f" {t('signed-on')}: ")]
    for dialect in sorted(on):
        missing = on[dialect] * 100 < usual[dialect] * 98
        pieces.append(("", f"{dialect or '-'} "))
        pieces.append((YELLOW if missing else BOLD, count(on[dialect])))
        pieces.append((DIM, f"/{count(usual[dialect])}   " if usual[dialect] else "   "))
    yield pieces


def _pace(snapshot: Snapshot, status: StatusReport, t: Words) -> Iterator[Line]:
    point = snapshot.point
    rate = "-" if point is None else f"{point.all_per_s:,.1f}"
    pieces: list[Span] = [(DIM, f" {t('rate')}: "), (BOLD, rate), (DIM, t("per-s"))]
    if point is not None:
        shares = "  ".join(f"{t(name)} {point.per_s[name]:,.1f}" for name in SHARES if point.per_s.get(name))
        pieces.append(("", f"   {shares}"))
    yield pieces
    p50, p99, core = (None, None, None) if point is None else (point.p50_ms, point.p99_ms, point.core_p99_ms)
    said = f"p50 {_ms(p50)}  p99 {_ms(p99)}  {t('core')} p99 {_ms(core)}"
    core_now = status.core
    inflight = f"{t('in-flight')} {count(core_now.inflight)}/{count(core_now.inflight_target)}"
    inflight += f"  {t('queued')} {count(core_now.queue)}"
    yield ((DIM, f" {t('latency')}: "), ("", f"{said}   {inflight}"))


def _ms(value: float | None) -> str:
    return "-" if value is None else f"{value:,.0f} ms"


def _waiting(snapshot: Snapshot, status: StatusReport, t: Words) -> Iterator[Line]:
    oldest = f", {t('oldest')} {duration(status.owed_oldest_ms)}" if status.owed else ""
    doubted = sum(number for name, number in status.exchanges.items() if name in DOUBTFUL)
    yield (
        (DIM, f" {t('owed')}: "),
        (YELLOW if status.owed else "", f"{count(status.owed)}{oldest}"),
        (DIM, f"   {t('in-doubt')}: "),
        (YELLOW if doubted else "", count(doubted)),
        (DIM, f"   {t('listed')}: "),
        (YELLOW if status.listed else "", count(status.listed)),
    )
    out = status.outbound
    yield (
        (DIM, f" {t('outbound')}: "),
        ("", f"{t('queued')} {count(out.queued)}, {t('delivery')} "),
        (YELLOW if out.unknown else "", count(out.unknown)),
    )
    facts = [line.partition(":")[2].strip() for line in snapshot.report.split("\n\n", 1)[0].splitlines()[:4]]
    yield ((DIM, f" {t('report')}: "), ("", ", ".join(filter(None, facts)) or t("no-report")))
