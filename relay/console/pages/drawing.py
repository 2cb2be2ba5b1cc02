"""The one picture, drawn: as SVG in two shapes, for a desk and for a phone; the style sheet shows one of them.

Owns places and lines on the page. Pure. It must never judge (picture.py does). The traps: a drawing that is only made smaller
for a phone cannot be read, so the phone has its own; and colour is not enough: what is failing is dashed and says so, what
carries the bank is thick.
"""

from __future__ import annotations

from typing import Final

import msgspec

from relay.console.html import Child, Html, h, join
from relay.console.picture import CenterPlace, Line, Picture, RegionPlace
from relay.console.words import Words


class Box(msgspec.Struct, frozen=True):
    x: int
    y: int
    w: int
    h: int

    @property
    def middle(self) -> tuple[int, int]:
        return self.x + self.w // 2, self.y + self.h // 2


WIDE_TERMINALS: Final = Box(8, 76, 190, 160)
WIDE_CENTERS: Final = (Box(330, 16, 250, 114), Box(330, 182, 250, 114))
WIDE_REGIONS: Final = (Box(712, 16, 240, 114), Box(712, 182, 240, 114))
WIDE_ONE: Final = 99  # where one alone stands: level with the terminals
NAME_CHARS_WIDE, NAME_CHARS_NARROW = 22, 12  # of a center or region in its box, beside the dot
WIDE_VIEW_OF_ONE: Final = "0 60 960 180"  # the empty rows above and below are left out
NARROW_TERMINALS: Final = Box(4, 4, 352, 74)
NARROW_CENTERS: Final = (Box(4, 146, 170, 114), Box(186, 146, 170, 114))
NARROW_REGIONS: Final = (Box(4, 330, 170, 92), Box(186, 330, 170, 92))


def drawing(picture: Picture, t: Words) -> Html:
    """Both shapes, and the same in words for whoever cannot see them."""
    return h(
        "figure",
        _wide(picture, t),
        _narrow(picture, t),
        h("figcaption", in_words(picture, t), class_="hidden"),
        _legend(t),
        class_="picture",
    )


def in_words(picture: Picture, t: Words) -> str:
    said = []
    for center in picture.centers:
        said.append(f"{t('picture.center')} {center.name}: {_role(center, t)}, {t(f'seen.{center.state}')}.")
    for line in picture.lines:
        if line.region < len(picture.regions):
            way = f"{picture.centers[line.center].name} → {picture.regions[line.region].name}: {t(f'seen.{line.state}')}"
            said.append(way + (f", {t('picture.used')}." if line.is_used else "."))
    return " ".join(said)


def _wide(picture: Picture, t: Words) -> Html:
    centers = _alone(WIDE_CENTERS, len(picture.centers))
    regions = _alone(WIDE_REGIONS, len(picture.regions))
    parts: list[Child] = []
    for number, center in enumerate(picture.centers[:2]):
        box = centers[number]
        start = (WIDE_TERMINALS.x + WIDE_TERMINALS.w, WIDE_TERMINALS.middle[1])
        parts.append(_terminal_line(center, len(picture.centers), start, (box.x, box.middle[1]), is_across=True))
    for line in picture.lines:
        if line.region < len(regions) and line.center < len(centers):
            start = (centers[line.center].x + centers[line.center].w, centers[line.center].middle[1])
            end = (regions[line.region].x, regions[line.region].middle[1])
            parts.append(_way(line, start, end, is_across=True))
    if picture.crossing is not None and len(centers) > 1:
        upper, lower = centers
        parts.append(_crossing(picture, (upper.middle[0], upper.y + upper.h), (lower.middle[0], lower.y), t, is_down=True))
    parts.append(_terminals(picture, WIDE_TERMINALS, t, is_row=False))
    parts += [_center(center, centers[number], t) for number, center in enumerate(picture.centers[:2])]
    parts += [_region(region, regions[number], t) for number, region in enumerate(picture.regions[:2])]
    view = "0 0 960 312" if len(picture.centers) > 1 or len(picture.regions) > 1 else WIDE_VIEW_OF_ONE
    return h("svg", parts, viewBox=view, class_="wide", aria_hidden="true", focusable="false")


def _narrow(picture: Picture, t: Words) -> Html:
    parts: list[Child] = []
    for number, center in enumerate(picture.centers[:2]):
        box = NARROW_CENTERS[number]
        top = (box.middle[0], NARROW_TERMINALS.y + NARROW_TERMINALS.h)
        parts.append(_terminal_line(center, len(picture.centers), top, (box.middle[0], box.y), is_across=False))
    for line in picture.lines:
        if line.region < len(NARROW_REGIONS) and line.center < len(NARROW_CENTERS):
            start, end = NARROW_CENTERS[line.center], NARROW_REGIONS[line.region]
            parts.append(_way(line, (start.middle[0], start.y + start.h), (end.middle[0], end.y), is_across=False))
    if picture.crossing is not None:
        left, right = NARROW_CENTERS
        parts.append(_crossing(picture, (left.x + left.w, left.middle[1]), (right.x, right.middle[1]), t, is_down=False))
    parts.append(_terminals(picture, NARROW_TERMINALS, t, is_row=True))
    parts += [_center(center, NARROW_CENTERS[number], t) for number, center in enumerate(picture.centers[:2])]
    parts += [_region(region, NARROW_REGIONS[number], t) for number, region in enumerate(picture.regions[:2])]
    return h("svg", parts, viewBox="0 0 360 426", class_="narrow", aria_hidden="true", focusable="false")


def _alone(boxes: tuple[Box, Box], count: int) -> tuple[Box, ...]:
    if count > 1:
        return boxes
    return (msgspec.structs.replace(boxes[0], y=WIDE_ONE),)


# ---- boxes -------------------------------------------------------------------------------------------------------------
def _box(box: Box, kind: str, *inside: Child) -> Html:
    return h("g", h("rect", x=box.x, y=box.y, width=box.w, height=box.h, rx=10), join(*inside), class_=f"box {kind}")


def _text(x: int, y: int, text: str, kind: str = "", anchor: str = "start") -> Html:
    return h("text", text, x=x, y=y, class_=kind or None, text_anchor=anchor)


def _center(center: CenterPlace, box: Box, t: Words) -> Html:
    x = box.x + 16
    if center.age_ms is not None and center.state != "good":
        last = t("picture.heard", ago=t.duration(center.age_ms))
    elif center.sessions is not None:
        last = t("picture.sessions", n=t.number(center.sessions))
    else:
        last = t("picture.other")
    state = "own" if center.is_own else ""
    return _box(
        box,
        f"{center.state} {state}",
        _name(center.name, box),
        _dot(box, center.state),
        _text(x, box.y + 54, _role(center, t), "strong" if center.announces else ""),
        _text(x, box.y + 76, f"{t('picture.epoch')} {center.epoch or '–'}", "quiet"),
        _text(x, box.y + 98, last, "quiet"),
    )


def _name(name: str, box: Box) -> Html:
    """Ends before the dot, whatever the face: a long one is set closer, a very long one is cut and whole on a second look."""
    chars = NAME_CHARS_NARROW if box.w < WIDE_CENTERS[0].w - 40 else NAME_CHARS_WIDE
    cut = name if len(name) <= chars * 3 // 2 else f"{name[: chars * 3 // 2 - 1]}…"
    length = box.w - 52 if len(cut) > chars else None
    text = h("text", cut, x=box.x + 16, y=box.y + 28, class_="name", textLength=length, lengthAdjust="spacingAndGlyphs")
    return text if cut == name else h("g", h("title", name), text)


def _role(center: CenterPlace, t: Words) -> str:
    if not center.role:
        return t("picture.unknown")
    return t.maybe(f"role-of.{center.role}", center.role)


def _region(region: RegionPlace, box: Box, t: Words) -> Html:
    x = box.x + 16
    return _box(
        box,
        f"{region.state} {'active' if region.is_active else ''}",
        _name(region.name, box),
        _dot(box, region.state),
        _text(
            x,
            box.y + 54,
            t("picture.active") if region.is_active else t("picture.standby"),
            "strong" if region.is_active else "",
        ),
        _text(x, box.y + 76, f"{t('picture.epoch')} {region.epoch or '–'}", "quiet"),
    )


def _dot(box: Box, state: str) -> Html:
    return h("circle", cx=box.x + box.w - 18, cy=box.y + 22, r=5, class_=f"dot {state}")


def _terminals(picture: Picture, box: Box, t: Words, *, is_row: bool) -> Html:
    inside: list[Child] = [] if is_row else [_text(box.x + 16, box.y + 26, t("picture.terminals"), "quiet")]
    step = (box.w - 24) // max(1, len(picture.terminals))
    for number, each in enumerate(picture.terminals[:3]):
        name = t.maybe(f"channel.{each.channel}", each.channel)
        if is_row:
            inside.append(_text(box.x + 16 + number * step, box.y + 29, name, "quiet"))
            inside.append(_text(box.x + 16 + number * step, box.y + 54, t.number(each.signed_on), "strong"))
        else:
            y = box.y + 62 + number * 34
            inside.append(_text(box.x + 16, y, name))
            inside.append(_text(box.x + box.w - 16, y, t.number(each.signed_on), "strong", "end"))
    return _box(box, "outside", *inside)


# ---- lines -------------------------------------------------------------------------------------------------------------
def _terminal_line(
    center: CenterPlace, centers: int, start: tuple[int, int], end: tuple[int, int], *, is_across: bool
) -> Html | None:
    """Terminals come to whoever holds the role; where nobody announces here, to our own center."""
    if center.announces is False:
        return None
    is_used = centers == 1 or center.role == "holding" or (center.is_own and center.announces is None)
    return _curve(start, end, f"way {center.state if is_used else 'idle'} {'used' if is_used else ''}", is_across)


def _way(line: Line, start: tuple[int, int], end: tuple[int, int], *, is_across: bool) -> Html:
    return _curve(start, end, f"way {line.state} {'used' if line.is_used else ''}", is_across)


def _curve(start: tuple[int, int], end: tuple[int, int], kind: str, is_across: bool) -> Html:
    (x1, y1), (x2, y2) = start, end
    if is_across:
        middle = (x1 + x2) // 2
        d = f"M{x1} {y1}C{middle} {y1} {middle} {y2} {x2} {y2}"
    else:
        middle = (y1 + y2) // 2
        d = f"M{x1} {y1}C{x1} {middle} {x2} {middle} {x2} {y2}"
    return h("path", d=d, class_=kind.strip())


def _crossing(picture: Picture, start: tuple[int, int], end: tuple[int, int], t: Words, *, is_down: bool) -> Html:
    crossing = picture.crossing
    assert crossing is not None  # asked for only where there is one
    (x1, y1), (x2, y2) = start, end
    kind = f"way {crossing.state} {'used' if crossing.is_used else ''}".strip()
    label = None
    if is_down:
        label = _text(x1 + 12, (y1 + y2) // 2 + 5, t("picture.paths", up=crossing.paths_up, all=crossing.paths), "quiet")
    return join(h("path", d=f"M{x1} {y1}L{x2} {y2}", class_=kind), label)


def _legend(t: Words) -> Html:
    rows = (("good used", "picture.used"), ("good", "seen.good"), ("failing", "seen.failing"), ("unknown", "seen.unknown"))
    return h(
        "p",
        [
            h("span", h("svg", h("path", d="M1 6H27", class_=f"way {kind}"), viewBox="0 0 28 12", aria_hidden="true"), t(words))
            for kind, words in rows
        ],
        class_="legend",
    )
