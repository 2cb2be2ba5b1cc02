"""What a reload would do: old settings against new ones, decided before anything is touched. Pure.

Owns the comparison. It must never do what it plans (relay/operator.py does). The traps: all or nothing, so one setting that
needs a restart refuses the whole file; and certificates and overlays may have changed behind the same names, so listeners
that use them are renewed although their settings are equal.
"""

from __future__ import annotations

from collections.abc import Iterator

import msgspec
from pydantic import BaseModel

from relay.configuration.effects import Effect, effect_of
from relay.configuration.reference import toml_value
from relay.settings import LinkSettings, ListenerSettings, Settings

_TABLES = (
    "relay",
    "journal",
    "core",
    "region",
    "pair",
    "announce",
    "lease",
    "drain",
    "hot_lanes",
    "hours",
    "reconnect",
    "outbound",
    "reconcile",
    "telemetry",
    "control",
    "console",
)
_KEYS = frozenset({"key_credential", "older_key_credentials"})


class ReloadPlan(msgspec.Struct, frozen=True, kw_only=True):
    """With `reasons`, nothing may be changed. Else `changes` says in words what the names below say to the daemon.

    `changed_listeners` keep their endpoint and get new settings for links opened from then on. `removed_*` are drained,
    `added_*` opened; a listener whose bound socket changes is both.
    """

    reasons: tuple[str, ...] = ()
    changes: tuple[str, ...] = ()
    unchanged: tuple[str, ...] = ()
    changed_listeners: frozenset[str] = frozenset()
    added_listeners: tuple[str, ...] = ()
    removed_listeners: tuple[str, ...] = ()
    added_dialers: tuple[str, ...] = ()
    removed_dialers: tuple[str, ...] = ()
    changes_keys: bool = False  # of the journal

    @property
    def is_allowed(self) -> bool:
        return not self.reasons


def plan_reload(old: Settings, new: Settings) -> ReloadPlan:
    """Compare."""
    reasons: list[str] = []
    changes: list[str] = []
    for table in _TABLES:
        for name, was, becomes in _differences(getattr(old, table), getattr(new, table)):
            if effect_of(table, name) is Effect.RESTART:
                reasons.append(f"{table}.{name} needs a restart")
            else:
                changes.append(f"{table}.{name}: {_value(was)} → {_value(becomes)}")
    links = _Links(reasons, changes)
    links.compare("listener", old.listener, new.listener)
    links.compare("dialer", old.dialer, new.dialer)
    if reasons:
        return ReloadPlan(reasons=tuple(reasons))
    return ReloadPlan(
        changes=tuple(changes),
        unchanged=tuple(links.unchanged),
        changed_listeners=frozenset(links.changed),
        added_listeners=tuple(links.added["listener"]),
        removed_listeners=tuple(links.removed["listener"]),
        added_dialers=tuple(links.added["dialer"]),
        removed_dialers=tuple(links.removed["dialer"]),
        changes_keys=any(name in _KEYS for name, _, _ in _differences(old.journal, new.journal)),
    )


def reasons_of(problem: str) -> tuple[str, ...]:
    """What is wrong with a file, one reason per mistake; the line that only counts them is left out."""
    head, *mistakes = problem.splitlines() or [""]
    return tuple(line.strip() for line in mistakes if line.strip()) or (head,)


class _Links:
    """The comparison of listeners and dialers, by name."""

    def __init__(self, reasons: list[str], changes: list[str]) -> None:
        self.reasons = reasons
        self.changes = changes
        self.unchanged: list[str] = []
        self.changed: list[str] = []
        self.added: dict[str, list[str]] = {"listener": [], "dialer": []}
        self.removed: dict[str, list[str]] = {"listener": [], "dialer": []}

    def compare(self, kind: str, old: tuple[LinkSettings, ...], new: tuple[LinkSettings, ...]) -> None:
        before, after = {link.name: link for link in old}, {link.name: link for link in new}
        for name in [name for name in before if name not in after]:
            self._close(kind, before[name], "is removed")
        for name, link in after.items():
            if name not in before:
                self._open(kind, link, "is new")
            else:
                self._both(kind, before[name], link)

    def _both(self, kind: str, old: LinkSettings, new: LinkSettings) -> None:
        names = [name for name, _, _ in _differences(old, new)]
        fixed = [name for name in names if effect_of(kind, name) is Effect.RESTART]
        self.reasons += [f"{kind} {new.name}: {name} needs a restart" for name in fixed]
        bound = [name for name in names if effect_of(kind, name) is Effect.REOPENED]
        if bound:
            why = f"has another {', '.join(bound)}"
            self._close(kind, old, why)
            self._open(kind, new, why)
        elif names:
            self.changed.append(new.name)
            self.changes.append(f"{kind} {new.name}: {', '.join(names)}, for links opened from now on")
        elif kind == "listener" and (new.tls is not None or new.profile):
            self.changed.append(new.name)
            self.unchanged.append(new.name)  # its settings are; its certificate or overlays may not be
        else:
            self.unchanged.append(new.name)

    def _open(self, kind: str, link: LinkSettings, why: str) -> None:
        if _opens_at_start_only(link) or (link.exclusive and why == "is new"):
            self.reasons.append(f"{kind} {link.name} {why}: needs a restart")
        else:
            self.added[kind].append(link.name)
            self.changes.append(f"{kind} {link.name} {why}: opened")

    def _close(self, kind: str, link: LinkSettings, why: str) -> None:
        if link.exclusive and why == "is removed":
            self.reasons.append(f"{kind} {link.name} is exclusive: its removal needs a restart")
        self.removed[kind].append(link.name)
        self.changes.append(f"{kind} {link.name} {why}: drained")


def _opens_at_start_only(link: LinkSettings) -> bool:
    """systemd hands sockets over at the start; and what Twisted listens on accepts as soon as it is bound, which may be before
    the rest of the reload is known to succeed."""
    return isinstance(link, ListenerSettings) and link.endpoint.partition(":")[0] not in {"tcp", "tcp6"}


def _differences(old: BaseModel, new: BaseModel) -> Iterator[tuple[str, object, object]]:
    for name in type(new).model_fields:
        was, becomes = getattr(old, name), getattr(new, name)
        if was != becomes:
            yield name, was, becomes


def _value(value: object) -> str:
    return "none" if value is None else toml_value(value) if isinstance(value, tuple) else str(value)
