"""From a TOML file to `Settings`, or to the list of everything that is wrong with it.

Owns the order of the checks: syntax, each setting, each dialect's profile, relations, and (when asked) the machine. It must
never stop at the first mistake. The trap: pydantic checks relations only in a table without mistakes, so what is wrong is
noted, taken out of a copy, and the rest is checked again, until nothing new is found.
"""

from __future__ import annotations

import copy
import re
import tomllib
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path as FilePath
from typing import TypeAlias, cast

import msgspec
from pydantic import BaseModel, ValidationError

from protocols.dialect import Dialect, DialectKit
from protocols.errors import LocalMisuse
from protocols.hookedkit import HookedKit
from protocols.relatingkit import LinkFacts, RelatingKit, SerialKit, SharingKit
from relay.configuration.endpoints import check_endpoints
from relay.configuration.hooks import HooksUnusable, load_hooks
from relay.configuration.lines import Path, dotted, key_lines, line_of
from relay.configuration.peeling import Table, parse, peel
from relay.configuration.relations import Finding, check_relations, links
from relay.configuration.serials import Range, check_serials
from relay.configuration.wording import did_you_mean
from relay.errors import ConfigurationError
from relay.overlays import overlay_reader
from relay.settings import LinkSettings, ListenerSettings, Settings

FILE_BYTES_MAX = 4 * 1024 * 1024

Kits: TypeAlias = Mapping[str, DialectKit]
MachineCheck: TypeAlias = Callable[[Settings], Iterator[Finding]]


class Mistake(msgspec.Struct, frozen=True):
    """One line of `relay check`. `line` counts from 1; `path` is dotted, with indexes from 0."""

    file: str
    line: int
    path: str
    problem: str
    suggestion: str

    def text(self) -> str:
        place = f"{self.file}:{self.line}: {self.path}: " if self.path else f"{self.file}:{self.line}: "
        return f"{place}{self.problem}" + (f" ({self.suggestion})" if self.suggestion else "")


class Checked(msgspec.Struct, frozen=True):
    """`settings` is None exactly when there are mistakes."""

    settings: Settings | None
    mistakes: tuple[Mistake, ...] = ()
    warnings: tuple[Mistake, ...] = ()


def load(file: str, kits: Kits | None = None) -> Settings:
    """The settings of a file. Raises ConfigurationError with every mistake in its text."""
    checked = check(file, kits)
    if checked.settings is None:
        count = len(checked.mistakes)
        many = "one mistake" if count == 1 else f"{count} mistakes"
        listing = "\n".join(f"  {mistake.text()}" for mistake in checked.mistakes)
        raise ConfigurationError(f"the configuration has {many}:\n{listing}", f"mend the file, then try: relay check {file}")
    return checked.settings


def check(file: str, kits: Kits | None = None, machine: MachineCheck | None = None) -> Checked:
    """Everything wrong with `file`. `machine` adds the checks that need this host (see configuration/environment.py)."""
    try:
        raw = FilePath(file).read_bytes()
    except OSError as error:
        return _unreadable(file, f"cannot be read: {error.strerror}", "is this the file's name?")
    if len(raw) > FILE_BYTES_MAX:
        return _unreadable(file, f"has {len(raw)} bytes", f"at most {FILE_BYTES_MAX} are accepted")
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        return _unreadable(file, "is not UTF-8 here", "save the file as UTF-8", line)
    return check_text(text, file, kits, machine)


def check_text(text: str, file: str, kits: Kits | None = None, machine: MachineCheck | None = None) -> Checked:
    """As `check`, for the text of `file`; overlays are looked for beside `file`."""
    try:
        lines = key_lines(text)
    except tomllib.TOMLDecodeError as error:
        return Checked(None, (_syntax(text, file, error),))
    findings, settings = _check_model(tomllib.loads(text))
    spoiled = [finding.path for finding in findings]
    is_whole = not findings
    if settings is not None:
        later = list(_check_dialects(settings, _all_kits(kits), overlay_reader(file)))
        later += check_relations(settings)
        later += check_endpoints(settings)
        if machine is not None:
            later += machine(settings)
        findings += [finding for finding in later if not _is_spoiled(finding, spoiled)]
    mistakes = _mistakes(file, lines, [finding for finding in findings if not finding.is_warning])
    warnings = _mistakes(file, lines, [finding for finding in findings if finding.is_warning])
    return Checked(settings if is_whole and not mistakes else None, mistakes, warnings)


def build_dialect(
    link: LinkSettings, read_text: Callable[[str], str], wall_ms: Callable[[], int], kits: Kits | None = None
) -> Dialect:
    """The compiled dialect of a listener or dialer. Raises ConfigurationError; never after a successful `load`."""
    kit = _all_kits(kits).get(link.dialect)
    if kit is None:
        raise ConfigurationError(f'{link.name}: there is no dialect "{link.dialect}".', "Try: relay check")
    try:
        return _built(kit, parse(cast("type[BaseModel]", kit.profile_model), link.profile), read_text, wall_ms)
    except (LocalMisuse, ValidationError) as error:
        raise ConfigurationError(f"the profile of {link.name} cannot be used: {error}.", "Try: relay check") from error


def _built(kit: DialectKit, profile: object, read_text: Callable[[str], str], wall_ms: Callable[[], int]) -> Dialect:
    """The dialect of a profile, with the bank's code where the profile names some. Raises LocalMisuse."""
    name = kit.hooks_named(profile) if isinstance(kit, HookedKit) else ""
    if not isinstance(kit, HookedKit) or not name:
        return kit.build(profile, read_text, wall_ms)
    return kit.build_hooked(profile, read_text, wall_ms, load_hooks(name, kit.hooks_type))


def _all_kits(kits: Kits | None) -> Kits:
    if kits is not None:
        return kits
    from protocols.dialects import DIALECTS  # compiles the field tables: only when a configuration is really read

    return DIALECTS


# ---- each setting by itself ---------------------------------------------------------------------------------------------
def _check_model(data: Table) -> tuple[list[Finding], Settings | None]:
    """Everything wrong with single settings, and the settings without them (None when nothing usable is left)."""
    data = copy.deepcopy(data)
    twins = list(_rename_twins(data))
    findings, settings = peel(Settings, data)
    return twins + findings, settings


def _rename_twins(data: Table) -> Iterator[Finding]:
    """Two links of one name: found before the model does, which could only say so of the whole file."""
    first: dict[str, Path] = {}
    for kind in ("listener", "dialer"):
        tables = data.get(kind)
        for n, table in enumerate(tables if isinstance(tables, list) else []):
            name = table.get("name") if isinstance(table, dict) else None
            if not isinstance(name, str):
                continue
            if name in first:
                table["name"] = f"{name[:40].rstrip('-')}-{kind}-{n}"
                problem = f'"{name}" is the name of {dotted(first[name][:-1])} already'
                yield Finding((kind, n, "name"), problem, "names of listeners and dialers must differ")
            else:
                first[name] = (kind, n, "name")


# ---- profiles -----------------------------------------------------------------------------------------------------------
def _check_dialects(settings: Settings, kits: Kits, read_text: Callable[[str], str]) -> Iterator[Finding]:
    sound: dict[str, list[tuple[Path, object]]] = {}
    ranges: list[Range] = []
    for path, link in links(settings):
        kit = kits.get(link.dialect)
        if kit is None:
            yield Finding((*path, "dialect"), f'there is no dialect "{link.dialect}"', did_you_mean(link.dialect, kits))
            continue
        base = (*path, "profile")
        findings, profile = peel(cast("type[BaseModel]", kit.profile_model), copy.deepcopy(link.profile))
        yield from (Finding((*base, *finding.path), finding.problem, finding.suggestion) for finding in findings)
        if findings:
            continue
        try:
            _built(kit, profile, read_text, lambda: 0)
        except LocalMisuse as misuse:
            at = tuple(int(p) if p.isdecimal() else p for p in re.findall(r"[^.\[\]\"]+", misuse.path))
            if at[:1] == ("overlay",) and "overlay" not in link.profile:
                at = ("overlays",)  # an overlay in a file of its own
            yield Finding((*base, *at), misuse.problem, misuse.suggestion if isinstance(misuse, HooksUnusable) else "")
            continue
        sound.setdefault(link.dialect, []).append((base, profile))
        ranges += _range_of(kit, profile, base, link)
        if isinstance(kit, RelatingKit):
            yield from _unrelated(kit, profile, path, link, settings)
    for name, profiles in sound.items():
        kit = kits[name]
        if isinstance(kit, SharingKit):
            for n, where, problem in kit.clashes([profile for _, profile in profiles]):
                yield Finding((*profiles[n][0], *where.split(".")), problem)
    yield from check_serials(ranges)


def serial_ranges(settings: Settings, kits: Kits | None = None) -> list[Range]:
    """The numbers that each link gives its terminals, of a file without mistakes."""
    found: list[Range] = []
    for path, link in links(settings):
        kit = _all_kits(kits)[link.dialect]
        profile = parse(cast("type[BaseModel]", kit.profile_model), link.profile)
        found += _range_of(kit, profile, (*path, "profile"), link)
    return found


def _range_of(kit: DialectKit, profile: object, base: Path, link: LinkSettings) -> list[Range]:
    told = kit.serials(profile) if isinstance(kit, SerialKit) else None
    if told is None:
        return []
    terminals = link.terminals if isinstance(link, ListenerSettings) else ()
    where = (*base, *told.path.split("."))
    return [Range(path=where, link=link.name, dialect=link.dialect, terminals=terminals, first=told.first, last=told.last)]


def _unrelated(kit: RelatingKit, profile: object, path: Path, link: LinkSettings, settings: Settings) -> Iterator[Finding]:
    """Settings of a profile that do not fit the relay's own."""
    completion_ms = settings.relay.completion_deadline_ms
    also: dict[str, Path] = {
        "reply_deadline_ms": (*path, "reply_deadline_ms"),
        "completion_deadline_ms": ("relay", "completion_deadline_ms"),
        "peer": ("pair", "peer"),
    }
    facts = LinkFacts(
        reply_deadline_ms=link.reply_deadline_ms,
        completion_deadline_ms=completion_ms,
        is_paired=settings.pair.peer is not None,
    )
    for one in kit.relations(profile, facts):
        where = (*path, "profile", *one.path.split("."))
        yield Finding(where, one.problem, one.suggestion, also=(also[one.fact],), is_warning=one.is_warning)


# ---- telling ------------------------------------------------------------------------------------------------------------
def _is_spoiled(finding: Finding, spoiled: list[Path]) -> bool:
    """Was anything that this finding read a mistake already?"""
    return any(read[: len(bad)] == bad for read in (finding.path, *finding.also) for bad in spoiled if bad)


def _mistakes(file: str, lines: Mapping[Path, int], findings: list[Finding]) -> tuple[Mistake, ...]:
    told = [Mistake(file, line_of(lines, f.path), dotted(f.path), f.problem, f.suggestion) for f in findings]
    return tuple(sorted(told, key=lambda mistake: mistake.line))


def _unreadable(file: str, problem: str, suggestion: str, line: int = 1) -> Checked:
    return Checked(None, (Mistake(file, line, "", f"the file {problem}", suggestion),))


def _syntax(text: str, file: str, error: tomllib.TOMLDecodeError) -> Mistake:
    """tomllib stops at the first syntax mistake and says where in words."""
    said = str(error)
    place = re.search(r" \(at (?:line (\d+), column (\d+)|end of document)\)$", said)
    line = int(place[1]) if place and place[1] else max(1, text.rstrip().count("\n") + 1)
    problem = said[: place.start()] if place else said
    suggestion = next((hint for start, hint in _SYNTAX_HINTS if problem.startswith(start)), "")
    if place and not place[1]:
        suggestion = "the file ends too early: a closing ], } or quote is missing"
    if problem.startswith("Expected newline") and re.search(r"[A-Za-z]", text.splitlines()[line - 1].partition("=")[2]):
        suggestion = 'one setting per line; text stands in quotes: name = "value"'
    return Mistake(file, line, "", f"not TOML: {problem[:1].lower()}{problem[1:]}", suggestion)


_SYNTAX_HINTS = (
    ("Invalid value", 'text stands in quotes: name = "value"'),
    ("Expected '=' after a key", "write name = value, or [table]"),
    ("Invalid statement", "write name = value, or [table]"),
    ("Cannot overwrite a value", "the same setting is written twice: remove one"),
    ("Cannot declare", "the same table is written twice; one of many has two brackets, as in [[listener]]"),
    ("Cannot mutate", "a table inside { } cannot be added to below: write it in one place"),
    ("Unterminated string", "the closing quote is missing"),
    ("Illegal character '\\n'", "the closing quote is missing"),
    ("Unclosed array", "the closing ] is missing"),
)
