"""How the lab asks its relays, over their control sockets: the few figures it shows and measures, and the seal.

Owns a reader of its own, so that a mistake in the relay's own tools is seen and not shared. It must never decide. The trap: a
relay that was killed leaves its socket behind, and one that was stopped accepts and says nothing; both are "not there now".
"""

from __future__ import annotations

import socket
from pathlib import Path
from typing import TypeVar

import msgspec

from relay.loopback.lab.centers import control_path
from relay.loopback.lab.door import LabError

LINE_BYTES_MAX = 16 * 1024 * 1024
ValueT = TypeVar("ValueT")


class Announced(msgspec.Struct, frozen=True):
    role: str = ""
    why: str = ""
    seen: str = ""
    problem: str = ""


class Acks(msgspec.Struct, frozen=True):
    """`peer`: how the copy of the journal is, "follows" where it does."""

    peer: str = ""


class Paired(msgspec.Struct, frozen=True):
    finding: str = ""
    way: str = ""
    acks: Acks = Acks()


class Listener(msgspec.Struct, frozen=True):
    name: str = ""
    links: int = 0
    is_dialer: bool = False


class Address(msgspec.Struct, frozen=True):
    address: str = ""
    health: str = ""


class CoreView(msgspec.Struct, frozen=True):
    addresses: tuple[Address, ...] = ()


class RelayStatus(msgspec.Struct, frozen=True):
    state: str = ""
    incarnation: int = 0
    core: CoreView = CoreView()
    pair: Paired = Paired()
    listeners: tuple[Listener, ...] = ()
    exchanges: dict[str, int] = {}
    owed: int = 0
    listed: int = 0

    @property
    def links(self) -> int:
        return sum(listener.links for listener in self.listeners)


class Tail(msgspec.Struct, frozen=True):
    asked: int = 0
    missing: int = 0
    mended: int = 0
    listed: int = 0
    is_finished: bool = True


class Deed(msgspec.Struct, frozen=True):
    """What somebody did about the regions at this relay, as its journal has it."""

    what: str = ""
    who: str = ""


class RegionView(msgspec.Struct, frozen=True):
    region: str = ""
    epoch: int = 0
    has_permit: bool = False
    sealed_epoch: int = 0
    blocked: tuple[str, ...] = ()
    deeds: tuple[Deed, ...] = ()
    tail: Tail = Tail()


class Begun(msgspec.Struct, frozen=True):
    at_ms: int = 0


class Takeover(msgspec.Struct, frozen=True):
    """As `relay takeover status` has it. Wall clock, UTC epoch milliseconds."""

    own: str = ""
    own_superseded_by: str = ""
    state: str = ""
    center: str = ""
    is_at_work: bool = False
    open_count: int = 0
    listed_count: int = 0
    changed_ms: int = 0
    trouble: str = ""
    began: Begun = Begun()


class Done(msgspec.Struct, frozen=True):
    text: str = ""


class Signed(msgspec.Struct, frozen=True):
    who: str = "lab"
    why: str = "drill"


class Seal(msgspec.Struct, frozen=True):
    epoch: int
    who: str = "lab"
    why: str = "drill"


class TailFrom(msgspec.Struct, frozen=True):
    lag_ms: int
    who: str = "lab"
    why: str = "drill"


class _Question(msgspec.Struct, frozen=True):
    command: str
    args: msgspec.Raw


class _Answer(msgspec.Struct, frozen=True):
    answer: msgspec.Raw = msgspec.Raw(b"")
    problem: str = ""


class Relay:
    """One center's. Each question is a connection of its own, `timeout_s` long at most."""

    def __init__(self, folder: Path, city: str) -> None:
        self.city = city
        self._path = control_path(str(folder / city))

    def status(self, timeout_s: float = 5.0) -> RelayStatus:
        return self._ask("status", msgspec.json.encode({}), RelayStatus, timeout_s)

    def announced(self, timeout_s: float = 5.0) -> Announced:
        return self._ask("announce-status", b"{}", Announced, timeout_s)

    def region(self, timeout_s: float = 5.0) -> RegionView:
        return self._ask("region-status", b"{}", RegionView, timeout_s)

    def takeover(self, timeout_s: float = 5.0) -> Takeover:
        return self._ask("takeover-status", b"{}", Takeover, timeout_s)

    def seal(self, epoch: int, timeout_s: float = 10.0) -> str:
        """Answered when it is durable and nothing is under way any more."""
        return self._ask("region-seal", msgspec.json.encode(Seal(epoch)), Done, timeout_s).text

    def tail(self, lag_ms: int) -> str:
        """How far the copy was behind, which whoever runs the failover knows."""
        return self._ask("region-tail", msgspec.json.encode(TailFrom(lag_ms)), Done, 10.0).text

    def hand_back(self) -> str:
        return self._ask("announce-hand-back", msgspec.json.encode(Signed()), Done, 10.0).text

    def _ask(self, command: str, args: bytes, want: type[ValueT], timeout_s: float) -> ValueT:
        """Raises LabError."""
        return ask_control(self._path, self.city, command, args, want, timeout_s)


def ask_control(path: str, name: str, command: str, args: bytes, want: type[ValueT], timeout_s: float) -> ValueT:
    """Any control socket; `name` is for the complaint. Raises LabError."""
    try:
        with socket.socket(socket.AF_UNIX) as line:
            line.settimeout(timeout_s)
            line.connect(path)
            line.sendall(msgspec.json.encode(_Question(command, msgspec.Raw(args))) + b"\n")
            with line.makefile("rb") as reading:
                answer = msgspec.json.decode(reading.readline(LINE_BYTES_MAX), type=_Answer)
        if not bytes(answer.answer):
            raise LabError(f"{name}: {command}: {answer.problem}")
        return msgspec.json.decode(answer.answer, type=want)
    except (OSError, msgspec.MsgspecError) as error:
        raise LabError(f"{name} does not answer {command}: {error}") from error
