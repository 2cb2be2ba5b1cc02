"""`python -m relay.loopback.lab.drillhand LAB WHAT ...`: the programs that a bank would give to its plan, for the lab.

Owns their words and exit codes (0 it is so, 1 it is not, 2 it is under way), and a record of what was asked of the platform.
It must never decide that anything is done: the plan does. The traps: what was asked is written down before it is done, so
that the record tells of an act that was asked twice; and what stands is read off the world or that record, never kept here,
for each word is a process of its own.
"""

from __future__ import annotations

import os
import select
import socket
import ssl
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import msgspec

from relay.clock import SystemClock
from relay.core import contract as c
from relay.loopback.lab.centers import CORE_NAME, CORE_PORT
from relay.loopback.lab.door import LabError
from relay.loopback.lab.hotline import Nothing, ask
from relay.loopback.lab.registry import folder_of
from relay.loopback.lab.topology import zones_of

YES, NO, UNDER_WAY, NO_ANSWER = 0, 1, 2, 9
SCALE_S = 4.0  # until more of the standby is there
PROMOTION_MS = 1_500  # of the lab's managed database
LAG_MS_MAX = 60_000
SERVED_MS, SERVED_LOOK_S = 4_000, 0.05
CALL_S = 3.0
RECORD = "deeds.jsonl"


class Database(msgspec.Struct, frozen=True):
    """What a program of the bank may see of the lab's database."""

    primary: str
    standby: str
    behind_ms: int = 0
    is_halted: bool = False
    promoting: int = 0


class Promote(msgspec.Struct, frozen=True):
    epoch: int
    after_ms: int


class Row(msgspec.Struct, frozen=True):
    name: str
    approved: int
    declined: int


class Crowd(msgspec.Struct, frozen=True):
    """What the branch network's own figures say of its customers."""

    rows: tuple[Row, ...]


class Asked(msgspec.Struct, frozen=True):
    """One line of the record. `token` is the orchestrator's: the same for every try of a step."""

    what: str
    at_ms: int
    token: str = ""


class Hand:
    """`lab` is the lab's name."""

    def __init__(self, lab: str) -> None:
        self._folder = folder_of(lab)
        self.record = self._folder / RECORD

    def database(self, what: str, region: str, epoch: str = "0") -> int:
        if what == "stop-copy":
            return self._told("halt", Nothing())
        if what == "start-copy":
            return self._told("resume", Nothing())
        if what == "failover":
            return self._told("promote", Promote(int(epoch), PROMOTION_MS))
        seen = self._seen()
        print(f"{seen.primary} writes, {seen.standby or 'nobody'} copies, {seen.behind_ms} ms behind")
        match what:
            case "copy-is-stopped":
                return _is(seen.is_halted)
            case "copy-runs":
                return _is(not seen.is_halted)
            case "is-writer":
                return UNDER_WAY if seen.promoting else _is(seen.primary == region)
            case "lag-is-fine":
                return _is(seen.standby == region and seen.behind_ms <= LAG_MS_MAX)
            case "lag-ms":
                print(seen.behind_ms)
                return YES
            case _:
                return NO_ANSWER

    def scale(self, what: str, region: str) -> int:
        if what in ("up", "down"):
            return self._asked(f"scale {what} {region}")
        last = self._last(f"scale up {region}", f"scale down {region}")
        is_up = last is not None and last.what == f"scale up {region}"
        if what == "look-down":
            return _is(not is_up)
        if last is None or not is_up:
            return NO
        return YES if SystemClock().wall_ms() - last.at_ms >= SCALE_S * 1_000 else UNDER_WAY

    def rules(self, what: str, region: str) -> int:
        """The load balancer of a region that takes over."""
        if what == "open":
            return self._asked(f"rules open {region}")
        last = self._last("rules open ")
        return _is(last is not None and last.what == f"rules open {region}")

    def page(self, center: str, text: str) -> int:
        return self._asked(f"page {center}: {text}")

    def served(self, dialect: str) -> int:
        """Are customers of this dialect answered by the core, now?"""
        now_ms = SystemClock().monotonic_ms
        first, until_ms = self._answers(dialect), now_ms() + SERVED_MS
        while now_ms() < until_ms:
            if self._answers(dialect) > first:
                return YES
            select.select([], [], [], SERVED_LOOK_S)
        print(f"no answer to {dialect} within {SERVED_MS} ms")
        return NO

    def synthetic(self, region: str, epoch: str, center: str) -> int:
        """Every zone says region and epoch, and one of them takes a message in it."""
        try:
            for zone in zones_of(region):
                body = self._call(zone, "GET", c.REGION_PATH, epoch, center, b"")
                said = msgspec.json.decode(body, type=c.RegionAnswer)
                if (said.region, said.epoch, said.state) != (region, int(epoch), "serving"):
                    print(f"{zone} says {said.region}, epoch {said.epoch}, {said.state}")
                    return NO
            event = c.NetworkEvent(event="synthetic", terminal="DRILL")
            self._call(zones_of(region)[0], "POST", c.NETWORK_EVENTS_PATH, epoch, center, msgspec.json.encode(event))
        except (OSError, ValueError, msgspec.MsgspecError) as error:
            print(f"{region} does not answer: {error}")
            return NO
        print(f"{region} answers in all zones in epoch {epoch}")
        return YES

    # ---- doors -----------------------------------------------------------------------------------------------------------
    def _call(self, zone: str, method: str, path: str, epoch: str, center: str, body: bytes) -> bytes:
        """One call on a connection of its own. Raises OSError, ValueError for what is no answer."""
        context = ssl.create_default_context(cafile=str(self._folder / "authorities.pem"))
        fields = {"Host": CORE_NAME, c.H_RELAY_CENTER: f"drill-{center}", c.H_RELAY_EPOCH: "1", c.H_REGION_EPOCH: epoch}
        fields |= {"Content-Type": "application/json", "Content-Length": str(len(body)), "Connection": "close"}
        head = f"{method} {path} HTTP/1.1\r\n" + "".join(f"{name}: {value}\r\n" for name, value in fields.items()) + "\r\n"
        line = socket.create_connection((zone, CORE_PORT), CALL_S)
        with line, context.wrap_socket(line, server_hostname=CORE_NAME) as safe:
            safe.sendall(head.encode() + body)
            return _read(safe)

    def _seen(self) -> Database:
        return ask(self._folder / "regions.sock", "status", Nothing(), Database)

    def _told(self, do: str, args: msgspec.Struct) -> int:
        self._asked(do)
        ask(self._folder / "regions.sock", do, args, Database)
        return YES

    def _answers(self, dialect: str) -> int:
        rows = ask(self._folder / "crowd.sock", "status", Nothing(), Crowd).rows
        return sum(row.approved + row.declined for row in rows if row.name == dialect)

    # ---- the record ------------------------------------------------------------------------------------------------------
    def _asked(self, what: str) -> int:
        line = Asked(what, SystemClock().wall_ms(), os.environ.get("RELAY_FAILOVER_TOKEN", ""))
        number = os.open(self.record, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        try:
            os.write(number, msgspec.json.encode(line) + b"\n")
        finally:
            os.close(number)
        return YES

    def _last(self, *begins: str) -> Asked | None:
        return next((one for one in reversed(record_of(self._folder)) if one.what.startswith(begins)), None)


def record_of(folder: Path) -> list[Asked]:
    """Everything that was asked of the platform of the lab in `folder`, oldest first."""
    path = folder / RECORD
    return [msgspec.json.decode(line, type=Asked) for line in path.read_bytes().splitlines()] if path.exists() else []


def _read(line: ssl.SSLSocket) -> bytes:
    """The body of an answer that says how long it is. Raises OSError for any status above 299."""
    with line.makefile("rb") as reading:
        status = int(reading.readline().split()[1])
        length = 0
        while field := reading.readline().strip():
            name, _, value = field.partition(b":")
            if name.lower() == b"content-length":
                length = int(value)
        text = reading.read(length)
    if status >= 300:
        raise OSError(f"status {status} {text[:200]!r}")
    return text


def _is(so: bool) -> int:
    return YES if so else NO


def main(words: Sequence[str]) -> int:
    lab, what, *rest = words
    hand = Hand(lab)
    programs: dict[str, Callable[..., int]] = {
        name: getattr(hand, name) for name in ("database", "scale", "rules", "page", "served", "synthetic")
    }
    try:
        return programs[what](*rest)
    except LabError as error:
        print(f"{error.problem}")
        return NO_ANSWER


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
