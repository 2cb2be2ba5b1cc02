"""The paths of the five scenarios as pictures: `python -m tests.live.lab.pictures docs/pictures`.

Owns six drawings of one map: who stands where, which way a message goes, and what is gone. They are data below; nothing is
measured here. The trap: a picture that tells a state by colour alone tells some readers nothing, so a way that is used is thick
and has arrows, one that is gone is crossed out, and each has its words.
"""

from __future__ import annotations

import sys
from html import escape
from pathlib import Path
from typing import Final

import msgspec

PLACES: Final = {
    "terminals": (360, 76, "terminals", "fixed addresses, TCP"),
    "router": (360, 156, "router", "198.18.0.10"),
    "tokyo": (170, 250, "relay center Tokyo", "journal, standby of Osaka's"),
    "osaka": (550, 250, "relay center Osaka", "journal, standby of Tokyo's"),
    "tokyo-region": (170, 350, "region Tokyo", "core, three zones, name server"),
    "osaka-region": (550, 350, "region Osaka", "core, three zones, name server"),
}
WAYS: Final = (
    ("terminals", "router"),
    ("router", "tokyo"),
    ("router", "osaka"),
    ("tokyo", "osaka"),
    ("tokyo", "tokyo-region"),
    ("tokyo", "osaka-region"),
    ("osaka", "osaka-region"),
    ("osaka", "tokyo-region"),
)
WIDTH, HEIGHT, HALF_W, HALF_H = 720, 424, 115, 24


class Picture(msgspec.Struct, frozen=True):
    """`path` is the way of a message, place by place; `gone` are places, `cut` pairs of places."""

    name: str
    title: str
    says: str
    path: tuple[str, ...]
    gone: tuple[str, ...] = ()
    cut: tuple[tuple[str, str], ...] = ()
    note: str = ""  # beside a place of `path`


PICTURES: Final = (
    Picture(
        "normal", "Normal", "Tokyo serves the lines, region Tokyo is active", ("terminals", "router", "tokyo", "tokyo-region")
    ),
    Picture(
        "zone",
        "1  A zone is lost",
        "the relay ejects the zone's address and goes on with the other two",
        ("terminals", "router", "tokyo", "tokyo-region"),
        note="zone 1 is gone",
    ),
    Picture(
        "region",
        "2  The active region is lost",
        "people decide; DNS says the new epoch; the lost tail is replayed",
        ("terminals", "router", "tokyo", "osaka-region"),
        ("tokyo-region",),
    ),
    Picture(
        "center",
        "3  The serving center is lost",
        "BIRD takes the address to Osaka; terminals dial again",
        ("terminals", "router", "osaka", "tokyo-region"),
        ("tokyo",),
    ),
    Picture(
        "cross-connect",
        "4  The cross-connect is lost",
        "core calls go through the other center; the lines stay",
        ("terminals", "router", "tokyo", "osaka", "tokyo-region"),
        (),
        (("tokyo", "tokyo-region"), ("tokyo", "osaka-region")),
    ),
    Picture(
        "both",
        "5  Center and region are lost together",
        "the address moves by itself; the region when people decide",
        ("terminals", "router", "osaka", "osaka-region"),
        ("tokyo", "tokyo-region"),
    ),
)


def svg(picture: Picture) -> str:
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" role="img" '
        f'font-family="Helvetica, Arial, sans-serif"><title>{escape(picture.title)}: {escape(picture.says)}</title>',
        '<defs><marker id="a" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="5" markerHeight="5" orient="auto">'
        '<path d="M0 0 8 4 0 8z" fill="#0b6e75"/></marker></defs>',
        f'<rect width="{WIDTH}" height="{HEIGHT}" rx="10" fill="#fbfaf7"/>',
        f'<text x="20" y="30" font-size="17" font-weight="bold" fill="#1c2733">{escape(picture.title)}</text>',
        f'<text x="20" y="{HEIGHT - 14}" font-size="13" fill="#45525e">{escape(picture.says)}</text>',
    ]
    used = set(zip(picture.path, picture.path[1:], strict=False))
    for here, there in WAYS:
        is_used = (here, there) in used or (there, here) in used
        if not is_used:
            is_cut = (here, there) in picture.cut or here in picture.gone or there in picture.gone
            lines += _way(here, there, is_cut=is_cut)
    for here, there in zip(picture.path, picture.path[1:], strict=False):
        x1, y1, x2, y2 = _ends(here, there)
        lines.append(
            f'<line x1="{x1:.0f}" y1="{y1:.0f}" x2="{x2:.0f}" y2="{y2:.0f}" stroke="#0b6e75" stroke-width="4" '
            'marker-end="url(#a)"/>'
        )
    for place in PLACES:
        lines += _box(place, is_gone=place in picture.gone, is_used=place in picture.path)
    if picture.note:
        x, y, _, _ = PLACES[picture.path[-1]]
        lines.append(
            f'<text x="{x - HALF_W}" y="{y + HALF_H + 16}" font-size="12" fill="#a8321f">✕ {escape(picture.note)}</text>'
        )
    return "\n".join([*lines, "</svg>"]) + "\n"


def _ends(here: str, there: str) -> tuple[float, float, float, float]:
    """Where the line between two boxes leaves the one and meets the other."""
    (x1, y1, _, _), (x2, y2, _, _) = PLACES[here], PLACES[there]
    if y1 == y2:
        side = 1 if x2 > x1 else -1
        return x1 + side * HALF_W, y1, x2 - side * HALF_W, y2
    lean = 0.35 if x1 != x2 else 0.0
    return x1 + (x2 - x1) * lean * 0.5, y1 + HALF_H, x2 - (x2 - x1) * lean * 0.5, y2 - HALF_H


def _way(here: str, there: str, *, is_cut: bool) -> list[str]:
    x1, y1, x2, y2 = _ends(here, there)
    lines = [
        f'<line x1="{x1:.0f}" y1="{y1:.0f}" x2="{x2:.0f}" y2="{y2:.0f}" stroke="#a9b2ba" stroke-width="1.5" '
        'stroke-dasharray="5 4"/>'
    ]
    if is_cut:
        x, y = x1 + (x2 - x1) * 0.4, y1 + (y2 - y1) * 0.4
        lines.append(f'<path d="M{x - 6:.0f} {y - 6:.0f}l12 12m0-12l-12 12" stroke="#a8321f" stroke-width="2.5"/>')
    return lines


def _box(place: str, *, is_gone: bool, is_used: bool) -> list[str]:
    x, y, name, more = PLACES[place]
    edge = "#a8321f" if is_gone else "#0b6e75" if is_used else "#a9b2ba"
    fill = "#f6e3df" if is_gone else "#e3f1f0" if is_used else "#ffffff"
    left, top = x - HALF_W, y - HALF_H
    lines = [
        f'<rect x="{left}" y="{top}" width="{2 * HALF_W}" height="{2 * HALF_H}" rx="7" fill="{fill}" stroke="{edge}" '
        f'stroke-width="{2 if is_used or is_gone else 1.2}"/>',
        f'<text x="{x}" y="{y - 3}" font-size="14" text-anchor="middle" fill="#1c2733">{escape(name)}</text>',
        f'<text x="{x}" y="{y + 14}" font-size="11" text-anchor="middle" fill="#45525e">{escape(more)}</text>',
    ]
    if is_gone:
        lines.append(f'<text x="{left + 8}" y="{top + 18}" font-size="15" fill="#a8321f">✕</text>')
    return lines


def main(folder: Path) -> int:
    folder.mkdir(parents=True, exist_ok=True)
    for picture in PICTURES:
        (folder / f"path-{picture.name}.svg").write_text(svg(picture))
    return 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
