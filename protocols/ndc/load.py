"""What makes an ATM ours: states, screens, FIT, parameters and the configuration id, from a text, as messages in order.

    config_id = "0001"
    parameters = ["001", "00010002", "00060"]      # enhanced parameters: the fields after the id
    fit = ["000000000000..."]                      # number and three-digit decimals
    states = ["000A001002004004002002001104"]      # number 3, type 1, eight times 3
    screens = ["C00\\u000cSORRY"]                   # number, then raw data
    currency_mapping = ["04FF10..."]
    emv = [{ table = "1", data = ["0101..."] }]

Owns the reading of that text (TOML, read by name like an overlay) and the grouping of entries into messages that are not
too long. It must never know a link. The trap: the configuration id is the last message, because whoever reads it back takes
it for the proof that everything before it arrived.

Source: protocols/ndc/README.md, section on data commands.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable

import msgspec

from protocols.errors import LocalMisuse
from protocols.ndc import fields as f
from protocols.ndc.frame import CHARSET

_STATE = re.compile(r"[0-9A-Z]{3}.[0-9A-Z]{24}\Z")
_FIT = re.compile(r"[0-9]{3}(?:[0-9]{3})+\Z")
_SCREEN = re.compile(r"[0-9A-Za-z]{3}")
ENTRY_COUNT_MAX = 5_000


class _Emv(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    table: str
    data: list[str]


class _Text(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    config_id: str
    parameters: list[str] = []
    fit: list[str] = []
    states: list[str] = []
    screens: list[str] = []
    currency_mapping: list[str] = []
    emv: list[_Emv] = []


class LoadStep(msgspec.Struct, frozen=True):
    """One message of a load: `table` set for class 8, else a customisation of class 3."""

    name: str
    identifier: str = ""
    data: tuple[str, ...] = ()
    table: str = ""


class Load(msgspec.Struct, frozen=True):
    config_id: str
    steps: tuple[LoadStep, ...]


def parse_load(text: str, message_bytes_max: int) -> Load:
    """Raises LocalMisuse with the entry at fault."""
    try:
        read = msgspec.convert(tomllib.loads(text), _Text)
    except (tomllib.TOMLDecodeError, msgspec.ValidationError) as problem:
        raise LocalMisuse(str(problem), "load") from problem
    if not (len(read.config_id) == 4 and read.config_id.isascii() and read.config_id.isdigit()):
        raise LocalMisuse("four digits", "load.config_id")
    _check("states", read.states, _STATE, "number 3, type 1 and eight numbers of three")
    _check("fit", read.fit, _FIT, "number and three-digit decimals")
    _check("screens", read.screens, _SCREEN, "a number or letter group of three, then data")
    for name, entries in (("parameters", read.parameters), ("currency_mapping", read.currency_mapping)):
        _check(name, entries, re.compile(""), "text")
    steps: list[LoadStep] = []
    if read.parameters:
        steps.append(LoadStep("parameters", f.ENHANCED_LOAD, tuple(read.parameters)))
    for name, identifier, entries in (
        ("fit", f.FIT_LOAD, read.fit),
        ("states", f.STATES_LOAD, read.states),
        ("screens", f.SCREENS_LOAD, read.screens),
    ):
        steps += [LoadStep(name, identifier, group) for group in _groups(entries, message_bytes_max, name)]
    if read.currency_mapping:
        steps.append(LoadStep("currency-mapping", f.CURRENCY_LOAD, tuple(read.currency_mapping)))
    for one in read.emv:
        if len(one.table) != 1:
            raise LocalMisuse("one character", "load.emv.table")
        _check("emv", one.data, re.compile(""), "text")
        steps.append(LoadStep("emv", data=tuple(one.data), table=one.table))
    steps.append(LoadStep("configuration-id", f.CONFIG_ID_LOAD, (read.config_id,)))
    return Load(read.config_id, tuple(steps))


def _check(name: str, entries: list[str], shape: re.Pattern[str], wanted: str) -> None:
    if len(entries) > ENTRY_COUNT_MAX:
        raise LocalMisuse(f"at most {ENTRY_COUNT_MAX} entries", f"load.{name}")
    for number, entry in enumerate(entries, 1):
        try:
            entry.encode(CHARSET)
        except UnicodeEncodeError as problem:
            raise LocalMisuse(f"entry {number}: a character that is no byte", f"load.{name}") from problem
        if shape.match(entry) is None or f.FS in entry:
            raise LocalMisuse(f"entry {number}: {wanted}, without FS", f"load.{name}")


def _groups(entries: Iterable[str], bytes_max: int, name: str) -> list[tuple[str, ...]]:
    """As many entries to a message as fit; one that is too long alone is a mistake of the text."""
    groups: list[list[str]] = []
    room = 0
    for number, entry in enumerate(entries, 1):
        count = len(entry) + 1
        if count > bytes_max:
            raise LocalMisuse(f"entry {number}: longer than load_bytes_max ({bytes_max})", f"load.{name}")
        if count > room:
            groups.append([])
            room = bytes_max
        groups[-1].append(entry)
        room -= count
    return [tuple(group) for group in groups]
