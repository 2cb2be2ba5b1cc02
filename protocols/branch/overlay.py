"""A bank's own widths as a TOML overlay: header and bodies, laid over the profile's tables.

Owns the overlay's shape and what may not be left out. It must never read a file: texts come by name. The traps: an overlay
replaces a whole body, never one item of it, so that what is on the wire can be read in one place; and the header must keep
every item that the dialogue lives on.

    header = [ {name = "version", type = "N", length = 2}, ... ]
    [bodies]
    deposit = [ {name = "account", type = "N", length = 10}, {name = "amount", type = "N", length = 11} ]
"""

from __future__ import annotations

import tomllib
from collections.abc import Callable, Mapping, Sequence

import msgspec

from protocols.branch.fields import BODIES, HEADER, Field
from protocols.errors import LocalMisuse


class Overlay(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    header: tuple[Field, ...] = ()
    bodies: dict[str, tuple[Field, ...]] = {}


class Tables(msgspec.Struct, frozen=True):
    """What is on the wire of one listener."""

    header: tuple[Field, ...]
    bodies: Mapping[str, tuple[Field, ...]]


def parse_overlay(text: str) -> Overlay:
    """The overlay of a TOML text. Raises LocalMisuse."""
    try:
        return msgspec.convert(tomllib.loads(text), Overlay)
    except (tomllib.TOMLDecodeError, msgspec.ValidationError) as error:
        raise LocalMisuse(str(error), "overlay") from None


def tables_of(names: Sequence[str], inline: Mapping[str, object], read_text: Callable[[str], str]) -> Tables:
    """The profile's tables with the overlays `names` and the one written in place over them. Raises LocalMisuse."""
    overlays = [parse_overlay(read_text(name)) for name in names]
    try:
        overlays.append(msgspec.convert(inline, Overlay))
    except msgspec.ValidationError as error:
        raise LocalMisuse(str(error), "overlay") from None
    header = HEADER
    bodies = dict(BODIES)
    for overlay in overlays:
        header = overlay.header or header
        bodies.update(overlay.bodies)
    wanted = {field.name: field.type for field in HEADER}
    given = {field.name: field.type for field in header}
    wrong = sorted(name for name, kind in wanted.items() if given.get(name) != kind)
    if wrong:
        raise LocalMisuse(f"missing, or of another type than the profile's: {', '.join(wrong)}", "overlay.header")
    unknown = sorted(set(given) - set(wanted))
    if unknown:
        raise LocalMisuse(f"{', '.join(unknown)}: no item of the profile; 予備 may be cut shorter, not named", "overlay.header")
    return Tables(header, bodies)
