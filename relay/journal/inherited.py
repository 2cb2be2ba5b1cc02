"""The link variables of a journal that was adopted from another center: read beside this center's own, and written back.

Owns the way to them. It must never know a dialect, nor which of two values counts: a dialogue knows what its own books mean.
The traps: the views are given to links when those open, long before there is such a journal, so they look for it anew each
time; and what this center writes there is what that center already keeps, never something new, because its journal is to go
back to it, and not to become a copy of this one's.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Protocol

from relay.journal.port import JournalFailed, StepResult
from relay.telemetry.log import get_log

log = get_log("takeover")


class Variables(Protocol):
    """What is needed of a journal."""

    def store_variable(self, link_name: str, name: str, value: bytes | None, done: Callable[[StepResult], None]) -> None: ...

    def variables(self, link_name: str) -> Mapping[str, bytes]: ...


class Inherited:
    """Fulfils relay.wire.ports.InheritedPort. `adopted` is the other center's journal while it is at work here."""

    def __init__(self) -> None:
        self.adopted: Variables | None = None

    def variables(self, link_name: str) -> Mapping[str, bytes]:
        return _View(self, link_name)

    def now(self, link_name: str) -> Mapping[str, bytes]:
        adopted = self.adopted
        return {} if adopted is None else adopted.variables(link_name)

    def hand_back(self, link_name: str, name: str, value: bytes) -> None:
        before = self.now(link_name).get(name)
        if self.adopted is not None and before is not None and before != value:
            self.adopted.store_variable(link_name, name, value, _written)


def _written(result: StepResult) -> None:
    if isinstance(result, JournalFailed):
        log.error("the other center's journal did not take what it is to find later", why=result.why)


class _View(Mapping[str, bytes]):
    __slots__ = ("_inherited", "_link_name")

    def __init__(self, inherited: Inherited, link_name: str) -> None:
        self._inherited = inherited
        self._link_name = link_name

    def __getitem__(self, name: str) -> bytes:
        return self._inherited.now(self._link_name)[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._inherited.now(self._link_name))

    def __len__(self) -> int:
        return len(self._inherited.now(self._link_name))
