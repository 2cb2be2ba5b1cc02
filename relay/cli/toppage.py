"""The screen of `relay top`: tabs, the open pane, what may be pressed; and what a key does to it. Pure.

Owns the frame, the scrolling and the keys. It must never ask or draw. The traps: whatever the size, not one line more and not
one column more than there is, or the terminal scrolls and the page runs away; and what is known is shown with its age while
the relay does not answer, never as if it were new.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import msgspec

from relay.cli.screen import BOLD, DIM, RED, REVERSE, Paint, duration
from relay.cli.spans import Line, Span, fit, text
from relay.cli.topfailover import failover
from relay.cli.topoverview import overview
from relay.cli.topsessions import ORDERS, Order, sessions
from relay.cli.topsnap import PANES, Pane, Snapshot
from relay.cli.topwaiting import report, waiting
from relay.cli.topwords import Language, words_of

COLUMNS_MIN, ROWS_MIN = 20, 4


class View(msgspec.Struct, frozen=True, kw_only=True):
    """What the person has chosen. `scroll`: lines of the pane above the screen."""

    pane: Pane = "overview"
    language: Language = "en"
    order: Order = "rate"
    find: str = ""
    scroll: int = 0


def press(view: View, key: str, page: int) -> View | None:
    """What a key does; None: quit. `page`: lines of a screen."""
    replace = msgspec.structs.replace
    at = PANES.index(view.pane)
    if key in ("q", "Q", "ctrl-c", "end-of-input"):
        return None
    if key.isdecimal() and 1 <= int(key) <= len(PANES):
        return replace(view, pane=PANES[int(key) - 1], scroll=0)
    if key in ("tab", "right"):
        return replace(view, pane=PANES[(at + 1) % len(PANES)], scroll=0)
    if key in ("back-tab", "left"):
        return replace(view, pane=PANES[(at - 1) % len(PANES)], scroll=0)
    if key == "l":
        return replace(view, language="ja" if view.language == "en" else "en")
    if key == "o":
        return replace(view, order=ORDERS[(ORDERS.index(view.order) + 1) % len(ORDERS)], scroll=0)
    moved = {"up": -1, "k": -1, "down": 1, "j": 1, "page-up": -page, "page-down": page, " ": page, "home": -view.scroll}
    return replace(view, scroll=max(0, view.scroll + moved.get(key, 0)))


def body(snapshot: Snapshot, view: View) -> list[Line]:
    """All lines of the open pane, however many."""
    t = words_of(view.language)
    match view.pane:
        case "overview":
            return list(overview(snapshot, t))
        case "sessions":
            return list(sessions(snapshot, t, view.order, view.find))
        case "waiting":
            return list(waiting(snapshot, t))
        case "reports":
            return list(report(snapshot, t))
        case "failover":
            return list(failover(snapshot, t))


def screen(snapshot: Snapshot, view: View, now_ms: int, columns: int, rows: int, paint: Paint) -> list[str]:
    """Exactly `rows` lines of at most `columns`. `now_ms` is monotonic, as the snapshot's."""
    columns, rows = max(columns, COLUMNS_MIN), max(rows, ROWS_MIN)
    t = words_of(view.language)
    head: list[Line] = [_tabs(view)]
    head += [trouble for trouble in (_trouble(snapshot, view, now_ms),) if trouble]
    room = rows - len(head) - 1
    lines = body(snapshot, view)
    top = min(view.scroll, max(0, len(lines) - room))
    shown: list[Line] = list(lines[top : top + room])
    below = len(lines) - top - len(shown)
    if below > 0:
        shown[-1] = text(f" +{below + 1} {t('more')}", DIM)
    shown += [text("")] * (room - len(shown))
    return [fit(line, columns, paint) for line in (*head, *shown, text(f" {t('keys')}", DIM))]


def settle(snapshot: Snapshot, view: View, rows: int) -> View:
    """Not scrolled further than there is anything."""
    room = max(rows, ROWS_MIN) - 2 - bool(snapshot.trouble)
    most = max(0, len(body(snapshot, view)) - room)
    return view if view.scroll <= most else msgspec.structs.replace(view, scroll=most)


def _tabs(view: View) -> Line:
    t = words_of(view.language)
    spans: list[Span] = [(BOLD, " relay ")]
    for number, pane in enumerate(PANES, 1):
        spans.append((REVERSE if pane == view.pane else "", f" {number} {t(pane)} "))
    return spans


def _trouble(snapshot: Snapshot, view: View, now_ms: int) -> Line | None:
    if not snapshot.trouble:
        return None
    t = words_of(view.language)
    age = f" ({duration(now_ms - snapshot.at_ms)} {t('ago')})" if snapshot.status is not None else ""
    return text(f" {t('not-reachable')}{age}: {snapshot.trouble} {snapshot.next_step}", BOLD + RED)


def plain(snapshot: Snapshot, panes: Sequence[Pane], view: View, columns: int) -> list[str]:
    """One look without a screen: the panes below each other, whole, without colours."""
    paint = Paint(False)
    trouble = _trouble(snapshot, view, snapshot.at_ms)
    lines = [] if trouble is None else [fit(trouble, columns, paint)]
    for pane in panes:
        lines += [fit(line, columns, paint).rstrip() for line in body(snapshot, msgspec.structs.replace(view, pane=pane))]
    return lines


KEYS: Final = {
    "\x1b[A": "up",
    "\x1b[B": "down",
    "\x1b[C": "right",
    "\x1b[D": "left",
    "\x1b[Z": "back-tab",
    "\x1b[5~": "page-up",
    "\x1b[6~": "page-down",
    "\x1b[H": "home",
    "\x1bOA": "up",
    "\x1bOB": "down",
    "\x1bOC": "right",
    "\x1bOD": "left",
    "\t": "tab",
    "\x03": "ctrl-c",
    "\x04": "end-of-input",
}
_LONGEST: Final = max(map(len, KEYS))


def is_begun(typed: str) -> bool:
    """Does it end within a sequence that is a key once its rest has come?"""
    start = typed.rfind("\x1b")
    return start >= 0 and any(known != typed[start:] and known.startswith(typed[start:]) for known in KEYS)


def keys_of(typed: str) -> list[str]:
    """What a terminal sent, as names of keys; a sequence that is not known is one key that does nothing."""
    found = []
    while typed:
        known = next((typed[:size] for size in range(min(_LONGEST, len(typed)), 0, -1) if typed[:size] in KEYS), "")
        if known:
            found.append(KEYS[known])
            typed = typed[len(known) :]
        elif typed.startswith("\x1b"):
            return [*found, "escape"]  # the rest belongs to it
        else:
            found.append(typed[0])
            typed = typed[1:]
    return found
