"""The named points at which the live relay dies by its own kill -9: one table, and the plug that makes a process mortal.

Owns the points, each a moment that a signal from outside could not be aimed at: a function at a port of the relay, and whether
death comes before it, after it, or when the callback given to it is called. It must never change what the relay does before
it dies. It is part of the tests: the product has no hook, no setting and no branch for it, so nothing can switch it on in a
relay that was not started by tests/support/mortalrelay.py. The traps: bytes given to a socket may leave after the process is
gone or never, so no point says that something "was received"; and a point counts only from `Plug.live` on, so that a relay
serves before it dies.
"""

from __future__ import annotations

import asyncio
import importlib
import inspect
import os
import signal
from collections.abc import Callable
from functools import wraps
from typing import Any, Literal

import msgspec

from protocols.vocabulary import Approved, MessageClass
from relay.core.port import Undone
from relay.journal.outbound import OutboundState
from relay.journal.port import Fresh
from relay.journal.records import StoredState

ENDED = frozenset({OutboundState.ACKNOWLEDGED, OutboundState.UNKNOWN, OutboundState.FAILED})


class Point(msgspec.Struct, frozen=True, kw_only=True):
    """`owner` is "module" or "module:Class". `when` "told": as its last argument, a callback, is called; "sent": of a
    coroutine, when it has said its word and not heard the answer; "amid": while SQLite works for it. `is_meant` gets the
    arguments, and after them what was returned or told. `spread`: a run dies at a visit between the first and this one.
    `set_to`: constants of modules, so that what happens once an hour happens in a test."""

    owner: str
    function: str
    when: Literal["before", "sent", "amid", "after", "told"] = "before"
    is_meant: Callable[..., bool] = lambda *_: True
    spread: int = 30
    engine: Literal["", "sqlite", "postgresql"] = ""
    phase: Literal["serving", "starting", "ending", "migrating"] = "serving"
    set_to: tuple[tuple[str, str, int], ...] = ()
    needs_new_key: bool = False


FACE = "relay.journal.face:JournalFace"
CLIENT = "relay.core.client:CoreClient"
LINK = "relay.wire.link:Link"
SQLITE = "relay.journal.writer:Writer"
SERVER = "relay.journal.postgres.writer:PostgresWriter"
DIALECTS = {
    "iso8583": ("atm",),
    "ndc": ("ndc",),
    "branch-p1": ("branch",),
    "zrc": ("zengin",),
    "zengin-file": ("files", "company"),
}
STEPS = 20  # of SQLite's machine, between two visits
# A day of 20 s: bodies go after one (MortalStage sets body_window_days), keys after 400, which no run lasts.
OFTEN = (
    ("relay.workers", "PRUNE_INTERVAL_MS", 200),
    ("relay.journal.face", "DAY_MS", 20_000),
    ("relay.journal.walks", "SLICE_COUNT", 20),
    ("relay.journal.postgres.transactions", "SLICE_COUNT", 20),
)
SMALL_SLICES = (
    ("relay.journal.rekey", "SLICE_COUNT_MAX", 5),
    ("relay.journal.postgres.rekey", "SLICE_COUNT_MAX", 5),
)


def _financial(record: Any) -> bool:
    return record.message_class is MessageClass.FINANCIAL


def _of(dialect: str) -> Callable[..., bool]:
    return lambda link, *_: link.listener.name in DIALECTS[dialect]


POINTS: dict[str, Point] = {
    # ---- a message of a terminal
    "heard, not recorded": Point(owner=FACE, function="take"),
    "recorded, core not asked": Point(
        owner=FACE,
        function="take",
        when="told",
        is_meant=lambda _, record, __, result: _financial(record) and type(result) is Fresh,
    ),
    "call sent, no answer": Point(owner=CLIENT, function="submit", when="after"),
    "core approved, no intent": Point(
        owner=CLIENT, function="submit", when="told", is_meant=lambda *said: isinstance(said[-1], Approved)
    ),
    "intent given, not durable": Point(owner=FACE, function="step", is_meant=lambda _, record, *__: record.intent is not None),
    "intent durable, not heard of": Point(
        owner=FACE, function="step", when="told", is_meant=lambda _, record, *__: record.intent is not None
    ),
    **{
        f"intent durable, no reply byte: {name}": Point(owner=LINK, function="_answer", is_meant=_of(name), spread=spread)
        for name, spread in (("iso8583", 30), ("ndc", 10), ("branch-p1", 10), ("zrc", 3), ("zengin-file", 3))
    },
    **{
        f"reply bytes given: {name}": Point(owner=LINK, function="_answer", when="after", is_meant=_of(name), spread=spread)
        for name, spread in (("iso8583", 30), ("ndc", 10), ("branch-p1", 10), ("zrc", 3), ("zengin-file", 3))
    },
    # ---- advices, reversals, doubt
    "advice durable, not acknowledged": Point(
        owner=FACE, function="take", when="told", is_meant=lambda _, record, *__: not _financial(record), spread=10
    ),
    "reversal sent, no answer": Point(owner=CLIENT, function="undo", when="after", spread=5),
    "reversal confirmed, not recorded": Point(
        owner=CLIENT, function="undo", when="told", is_meant=lambda *said: isinstance(said[-1], Undone), spread=5
    ),
    "inquiry answered, not recorded": Point(owner=CLIENT, function="inquire", when="told", spread=5),
    "duty settled on disk, chain not": Point(
        owner=FACE, function="step", when="told", is_meant=lambda _, record, *__: record.state is StoredState.SETTLED, spread=5
    ),
    "evidence heard, not recorded": Point(owner="relay.exchange.desk:Desk", function="evidence", spread=10),
    "evidence durable, nothing follows": Point(owner="relay.exchange.doubt:Doubt", function="_completed", spread=10),
    # ---- a link's own numbers
    "number given, not durable": Point(owner=FACE, function="store_variable", spread=10),
    "number durable, not used": Point(owner=FACE, function="store_variable", when="told", spread=10),
    # ---- a message of the core
    "outbound heard, not recorded": Point(owner=FACE, function="take_outbound", spread=5),
    "outbound recorded, core not told": Point(owner=FACE, function="take_outbound", when="told", spread=5),
    "outbound intent given, not durable": Point(
        owner=FACE, function="step_outbound", is_meant=lambda _, record, *__: record.state is OutboundState.SENT, spread=5
    ),
    "outbound intent durable, not sent": Point(owner=LINK, function="offer", spread=5),
    "outbound sent, no acknowledgement": Point(owner=LINK, function="offer", when="after", spread=5),
    "outbound acknowledged, not recorded": Point(
        owner=FACE, function="step_outbound", is_meant=lambda _, record, *__: record.state in ENDED, spread=5
    ),
    "outbound end durable, not reported": Point(
        owner=FACE, function="step_outbound", when="told", is_meant=lambda _, record, *__: record.state in ENDED, spread=5
    ),
    "report confirmed, not recorded": Point(
        owner=CLIENT, function="report", when="told", is_meant=lambda *said: said[-1] is True, spread=5
    ),
    # ---- the journal's own thread
    "group written, not committed": Point(owner=SQLITE, function="_write", when="after", engine="sqlite"),
    "group committed, nobody told": Point(owner=SQLITE, function="_hand_back", engine="sqlite"),
    "log folded into the file, not noted": Point(
        owner=SQLITE,
        function="_checkpoint",
        when="after",
        engine="sqlite",
        spread=2,
        set_to=(("relay.journal.writer", "CHECKPOINT_RECORDS", 64),),
    ),
    "group on its way to the server": Point(
        owner="relay.journal.postgres.transactions:Transactions", function="_call", when="sent", engine="postgresql"
    ),
    "group confirmed by the server, nobody told": Point(owner=SERVER, function="_hand_back", engine="postgresql"),
    # ---- upkeep beside the traffic
    "half of the old bodies forgotten": Point(
        owner="relay.journal.walks", function="prune_slice", when="after", engine="sqlite", spread=3, set_to=OFTEN
    ),
    "keys half sealed anew": Point(
        owner="relay.journal.walks",
        function="rekey_slice",
        when="after",
        engine="sqlite",
        spread=3,
        phase="starting",
        set_to=SMALL_SLICES,
        needs_new_key=True,
    ),
    "half of the old bodies forgotten on the server": Point(
        owner="relay.journal.postgres.transactions",
        function="prune_slice",
        when="after",
        engine="postgresql",
        spread=3,
        set_to=OFTEN,
    ),
    "keys half sealed anew on the server": Point(
        owner="relay.journal.postgres.transactions",
        function="rekey_slice",
        when="after",
        engine="postgresql",
        spread=3,
        phase="starting",
        set_to=SMALL_SLICES,
        needs_new_key=True,
    ),
    # ---- the beginning and the end of a life
    "journal open, nothing recovered": Point(owner="relay.daemon", function="recover", phase="starting", spread=1),
    "exchanges half recovered": Point(
        owner="relay.exchange.recovery", function="take_up", when="after", phase="starting", spread=1
    ),
    "outbound messages half recovered": Point(
        owner="relay.outbound.desk:Outbound", function="_take_up", when="after", phase="starting", spread=1
    ),
    "listening, not yet ready": Point(owner="relay.control.sdnotify:Notifier", function="ready", phase="starting", spread=1),
    "asked to end, links still open": Point(owner="relay.drainer:Drainer", function="drain_and_end", phase="ending", spread=1),
    "drained, journal not closed": Point(owner="relay.daemon", function="drain_background", phase="ending", spread=1),
    # ---- a new version's first start, which has a test of its own: tests/live/test_kills_migration.py
    "in the middle of a migration": Point(
        owner="relay.journal.schema", function="_migrate", when="amid", phase="migrating", engine="sqlite"
    ),
    "in the middle of a migration on the server": Point(
        owner="relay.journal.postgres.door:Connection",
        function="run",
        when="sent",
        is_meant=lambda _, sql: "CREATE " in sql or "ALTER " in sql,
        phase="migrating",
        engine="postgresql",
    ),
}


def points_of(engine: str) -> list[str]:
    """Names of the points that a relay with this engine passes under load, in the order of the table."""
    return [name for name, point in POINTS.items() if point.engine in ("", engine) and point.phase != "migrating"]


class Plug:
    """Counts visits of one point once `live`, and kills the process at the `nth`."""

    def __init__(self, name: str, nth: int) -> None:
        self.point = POINTS[name]
        self.live = self.point.phase != "serving"
        self._left = nth

    def visit(self) -> None:
        if self.live:
            self._left -= 1
            if self._left <= 0:
                os.kill(os.getpid(), signal.SIGKILL)

    def arm(self) -> None:
        """Put the plug in. Raises AttributeError where the relay has no such function any more."""
        point = self.point
        for module, constant, value in point.set_to:
            if not hasattr(importlib.import_module(module), constant):
                raise AttributeError(f"{module} has no {constant}")
            setattr(importlib.import_module(module), constant, value)
        module, _, kind = point.owner.partition(":")
        owner = importlib.import_module(module)
        if kind:
            owner = getattr(owner, kind)
        original = getattr(owner, point.function)
        setattr(owner, point.function, self._wrapped(original))

    def _wrapped(self, original: Callable[..., Any]) -> Callable[..., Any]:
        point = self.point

        @wraps(original)
        def before(*args: Any, **named: Any) -> Any:
            if point.is_meant(*args):
                self.visit()
            return original(*args, **named)

        @wraps(original)
        def amid(connection: Any, *args: Any, **named: Any) -> Any:
            connection.set_progress_handler(self.visit, STEPS)
            try:
                return original(connection, *args, **named)
            finally:
                connection.set_progress_handler(None, 0)

        @wraps(original)
        def after(*args: Any, **named: Any) -> Any:
            result = original(*args, **named)
            if point.is_meant(*args, result):
                self.visit()
            return result

        @wraps(original)
        async def after_all(*args: Any, **named: Any) -> Any:
            result = await original(*args, **named)
            if point.is_meant(*args, result):
                self.visit()
            return result

        @wraps(original)
        async def sent(*args: Any, **named: Any) -> Any:
            work = asyncio.ensure_future(original(*args, **named))
            for _ in range(3):  # its first steps: the statement is in the socket
                await asyncio.sleep(0)
            if point.is_meant(*args):
                self.visit()
            return await work

        @wraps(original)
        def told(*args: Any, **named: Any) -> Any:
            *given, done = args

            def deadly(*said: Any) -> Any:
                if point.is_meant(*args, *said):
                    self.visit()
                return done(*said)

            return original(*given, deadly, **named)

        if point.when == "after":
            return after_all if inspect.iscoroutinefunction(original) else after
        return {"before": before, "sent": sent, "amid": amid, "told": told}[point.when]
