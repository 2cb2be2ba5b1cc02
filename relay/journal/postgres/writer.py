"""The one thread that writes to PostgreSQL: a loop of its own, one connection, one group in one transaction at a time.

Owns group commit and what a failure means. It must never run a callback itself: all callbacks of a group go to the relay's
loop in one call. The traps: (1) a commit whose answer did not come is neither done nor undone: its records are answered only
after a new connection has read back the serial of the last group, and until then everything new is refused, as on a full disk
(law 6); (2) what was read is told only after a commit that came after the reading, because a server that was cut off from its
standby shows rows that it may still lose; (3) a server that knows less than it once confirmed, and a journal that another
relay took over, end this incarnation.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Coroutine
from concurrent.futures import Future
from concurrent.futures import TimeoutError as FutureTimeout
from functools import partial
from typing import Any, Final, TypeVar

from relay.clock import Clock
from relay.errors import JournalUnusable
from relay.journal.answers import Outcomes
from relay.journal.face import Opened
from relay.journal.items import (
    FRESH,
    PROBE_INTERVAL_MS,
    TURNS,
    FindItem,
    Item,
    OutboundFindItem,
    OutboundTakeItem,
    StepItem,
    TakeItem,
    TurnItem,
    left_over,
)
from relay.journal.keyring import KeyRing
from relay.journal.port import Fresh, JournalFailed, JournalState
from relay.journal.postgres import group as g
from relay.journal.postgres.aside import Aside
from relay.journal.postgres.door import SUPERSEDED, BadRecord, Connection, Lost, Refused
from relay.journal.postgres.outbound import find_outbound, outbound_result
from relay.journal.postgres.servers import Servers
from relay.journal.postgres.transactions import Doubt, Transactions
from relay.telemetry.log import get_log
from relay.telemetry.metrics import Metrics

log = get_log("journal")

SIZE_INTERVAL_MS: Final = 60_000
READ_TIMEOUT_MS: Final = 2_000  # a read for people: the loop waits for it
SIZE: Final = (
    "SELECT coalesce(sum(pg_total_relation_size(oid)), 0)::bigint FROM pg_class"
    " WHERE relnamespace = current_schema()::regnamespace AND relkind = 'r'"
)
DISK_FULL: Final = "53100"
READS = (FindItem, OutboundFindItem, *TURNS)
Result = TypeVar("Result")


class Stop:
    """The last item: everything before it is made durable first."""


class PostgresWriter:
    """Runs on its own thread from `start()` to `stop()`. `answer(outcomes, state)` is scheduled on the loop, once a group."""

    def __init__(
        self,
        servers: Servers,
        keys: KeyRing,
        *,
        call_soon: Callable[[Callable[[], None]], object],
        answer: Callable[[Outcomes, JournalState], None],
        clock: Clock,
        metrics: Metrics,
    ) -> None:
        self.state = JournalState.WRITABLE
        self.why = ""
        self._servers = servers
        self._keys = keys
        self._call_soon = call_soon
        self._answer = answer
        self._clock = clock
        self._metrics = metrics
        self._connection: Connection | None = None
        self._aside = Aside(servers)
        self._doubt: Doubt | None = None
        self._sized_ms: int | None = None
        self.size_bytes = 0
        self._opened: Future[Opened] = Future()
        self._thread = threading.Thread(target=self._run, name="journal-writer", daemon=True)

    # ---- from the relay's thread -----------------------------------------------------------------------------------

    def start(self) -> Opened:
        """Blocks until the journal is open. Raises JournalUnusable."""
        self._thread.start()
        return self._opened.result()

    def put(self, group: list[Item] | Stop) -> None:
        try:
            self._loop.call_soon_threadsafe(self._queue.put_nowait, group)
        except RuntimeError:  # the thread's loop is closed: it stumbled, and said so
            items = [] if isinstance(group, Stop) else group
            self._hand_back([(item.done, JournalFailed(self.why)) for item in items])

    def stop(self) -> None:
        """Blocks until everything given is durable or answered."""
        self.put(Stop())
        self._thread.join()

    def read(self, work: Callable[[Connection], Coroutine[Any, Any, Result]], timeout_ms: int = READ_TIMEOUT_MS) -> Result:
        """Read for people or recovery; blocks, for `timeout_ms` at most. Raises JournalUnusable."""
        if self.state is not JournalState.WRITABLE or self._loop.is_closed():
            raise JournalUnusable(f"The journal cannot be read: {self.why or 'closed'}.", "Runbook: RelayJournalServerAway.")
        try:
            waited = asyncio.run_coroutine_threadsafe(self._aside.read(self._connection, timeout_ms, work), self._loop)
            return waited.result(2 * timeout_ms / 1000)
        except (Lost, Refused, FutureTimeout) as error:
            raise JournalUnusable(f"The journal cannot be read: {error}.", "Runbook: RelayJournalServerAway.") from error

    # ---- the thread ------------------------------------------------------------------------------------------------

    def _run(self) -> None:
        try:
            asyncio.run(self._main())
        except BaseException as error:  # whatever it was, a thread that died silently would be a journal that lies
            if not self._opened.done():
                self._opened.set_exception(error)
                return
            log.exception("journal writer stumbled")
            self._turn(JournalState.FAILED, f"unexpected: {error}")
            doubtful = [] if self._doubt is None else self._doubt.items
            self._hand_back([(item.done, JournalFailed(self.why, certain=False)) for item in doubtful])

    async def _main(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._queue: asyncio.Queue[list[Item] | Stop] = asyncio.Queue()
        self._trouble = asyncio.Event()
        self._writing = asyncio.Lock()  # one transaction at a time, also while a group in doubt is read back
        begun = await self._servers.first(self._keys)
        self._connection = begun.connection
        self._transactions = Transactions(begun, self._keys, self._clock, self._metrics, self._servers.slice_ms)
        self._opened.set_result(begun.opened)
        async with asyncio.TaskGroup() as tasks:
            beside = [tasks.create_task(work) for work in (self._mend(), self._give_signs())]
            await self._serve_all()
            for task in beside:  # at most the raising of the session is cancelled, which no record hangs on
                task.cancel()
        await self._leave()

    async def _serve_all(self) -> None:
        while True:
            items = await self._queue.get()
            if isinstance(items, Stop):
                return
            try:
                outcomes = await self._serve(items)
            except Exception as error:
                log.exception("journal writer stumbled")
                self._turn(JournalState.FAILED, f"unexpected: {error}")
                outcomes = [(item.done, JournalFailed(self.why, certain=False)) for item in items]
            self._hand_back(outcomes)

    def _hand_back(self, outcomes: Outcomes) -> None:
        """Also without outcomes: the loop hands over the next group when it hears of this one."""
        try:
            self._call_soon(partial(self._answer, outcomes, self.state))
        except RuntimeError:  # the loop is closed: nobody is left to be told
            log.warning("journal answers after the loop was closed", records=len(outcomes))

    async def _leave(self) -> None:
        outcomes: Outcomes = []
        if self._doubt is not None:  # the next incarnation finds out
            outcomes = [(item.done, JournalFailed(self.why, certain=False)) for item in self._doubt.items]
        while not self._queue.empty():
            items = self._queue.get_nowait()
            for item in [] if isinstance(items, Stop) else items:
                outcomes.append((item.done, left_over(item)))
        await self._aside.close()
        if self._connection is not None and not self._connection.is_closed:
            await self._connection.close()
        if outcomes:
            self._hand_back(outcomes)

    # ---- one group -------------------------------------------------------------------------------------------------

    async def _serve(self, items: list[Item]) -> Outcomes:
        if self.state is JournalState.WRITABLE:
            async with self._writing:
                connection = self._connection
                if self.state is JournalState.WRITABLE and connection is not None:
                    return await self._serve_writing(connection, items)
        if self.state is JournalState.FAILED:
            return [(item.done, JournalFailed(self.why)) for item in items]
        return [(item.done, await self._while_refusing(item)) for item in items]

    async def _serve_writing(self, connection: Connection, items: list[Item]) -> Outcomes:
        writes = [item for item in items if not isinstance(item, READS)]
        fresh_ids: dict[int, int] = {}
        refused: dict[int, JournalFailed] = {}
        if writes:
            try:
                fresh_ids = await self._transactions.commit(connection, writes)
                refused = self._transactions.refused
            except Lost as error:
                self._doubt = Doubt(self._transactions.serial, items, self._transactions.refused)
                self._turn(JournalState.FULL, str(error), kind="unknown")
                return []
            except Refused as error:
                self._turn_refused(error)
                refused = dict.fromkeys(map(id, writes), JournalFailed(self.why))
        outcomes = await self._outcomes(items, fresh_ids, refused)
        if self.state is JournalState.WRITABLE:
            await self._read_size(connection)
        return outcomes

    async def _outcomes(self, items: list[Item], fresh_ids: dict[int, int], refused: dict[int, JournalFailed]) -> Outcomes:
        """The answer to each, in order; what has to be read is read now, and told only once it is proven."""
        outcomes: Outcomes = []
        read: list[int] = []  # places of what was read
        must_prove = self.state is JournalState.WRITABLE
        for item in items:
            result: object = None
            failed = refused.get(id(item)) if refused else None
            if failed is not None:
                result = failed
            elif isinstance(item, StepItem):
                pass
            elif isinstance(item, TakeItem) and item.record.exchange_id in fresh_ids:
                reversed_by = fresh_ids[item.record.exchange_id]
                result = Fresh(reversed_by) if reversed_by else FRESH
            elif isinstance(item, TURNS):
                outcomes += await self._walk(item)
                continue
            elif isinstance(item, TakeItem | FindItem | OutboundTakeItem | OutboundFindItem):
                read.append(len(outcomes))
                result = await self._read(item)
            outcomes.append((item.done, result))
        if read and must_prove and not await self._prove():
            for place in read:
                outcomes[place] = (outcomes[place][0], JournalFailed(self.why))
        return outcomes

    async def _while_refusing(self, item: Item) -> object:
        """Law 6: nothing is written; what can be read is still answered."""
        if isinstance(item, FindItem | OutboundFindItem):
            return await self._read(item)
        return JournalFailed(self.why)

    async def _read(self, item: TakeItem | FindItem | OutboundTakeItem | OutboundFindItem) -> object:
        connection, keys = self._connection, self._keys
        try:
            if connection is None or (connection.is_closed and self.state is not JournalState.WRITABLE):
                return JournalFailed(self.why)
            if isinstance(item, TakeItem):
                return await g.find_result(connection, item.record.key, keys)
            if isinstance(item, FindItem):
                return await g.find(connection, item, keys)
            if isinstance(item, OutboundTakeItem):
                return await outbound_result(connection, item.record, keys)
            return await find_outbound(connection, item.key, keys)
        except (Lost, Refused, BadRecord, ValueError) as error:
            log.error("journal read failed", why=str(error))
            if isinstance(error, Lost) and self.state is JournalState.WRITABLE:
                self._turn(JournalState.FULL, str(error))
            return JournalFailed(str(error))

    async def _prove(self) -> bool:
        connection = self._connection
        if self.state is not JournalState.WRITABLE or connection is None:
            return False
        try:
            await self._transactions.prove(connection)
        except Lost as error:
            self._turn(JournalState.FULL, str(error))
        except Refused as error:
            self._turn_refused(error)
        return self.state is JournalState.WRITABLE

    async def _walk(self, item: TurnItem) -> Outcomes:
        """One slice; the rest goes to the end of the queue, behind whatever came meanwhile."""
        connection = self._connection
        if self.state is not JournalState.WRITABLE or connection is None:
            return [(item.done, JournalFailed(self.why))]
        try:
            if await self._transactions.walk(connection, item):
                self._queue.put_nowait([item])
                return []
        except Lost as error:
            self._turn(JournalState.FULL, str(error))
            return [(item.done, JournalFailed(self.why, certain=False))]
        except (Refused, BadRecord) as error:
            self._turn_refused(error)
            return [(item.done, JournalFailed(self.why))]
        except ValueError as error:  # a row that no key opens: every key stays needed
            return [(item.done, JournalFailed(str(error)))]
        return [(item.done, item.count)]

    # ---- trouble ---------------------------------------------------------------------------------------------------

    def _turn(self, state: JournalState, why: str, kind: str = "") -> None:
        if self.state is JournalState.FAILED:
            return
        self.why = why
        self._metrics.journal_failures.labels(kind or ("server" if state is JournalState.FULL else state.value)).inc()
        if state is not self.state:
            log.error(
                "journal cannot write",
                state=state.value,
                why=why,
                in_doubt=0 if self._doubt is None else len(self._doubt.items),
            )
        self.state = state
        self._trouble.set()

    def _turn_refused(self, error: Refused | BadRecord) -> None:
        superseded = isinstance(error, Refused) and error.state == SUPERSEDED
        is_full = isinstance(error, Refused) and error.state == DISK_FULL
        self._turn(JournalState.FAILED if superseded else JournalState.FULL, str(error), kind="full" if is_full else "")

    async def _mend(self) -> None:
        """While nothing can be written: try, a few times a second, until a server takes a commit; then read back."""
        while True:
            await self._trouble.wait()
            self._trouble.clear()
            while self.state is JournalState.FULL:
                try:
                    if not await self._begin_again():
                        await asyncio.sleep(PROBE_INTERVAL_MS / 1000)
                except Exception as error:
                    log.exception("journal writer stumbled")
                    self._give_up(f"unexpected: {error}")

    async def _give_signs(self) -> None:
        """While nothing is answered because no server is there: the watchdog is told that this thread lives."""
        while True:
            await asyncio.sleep(PROBE_INTERVAL_MS / 1000)
            if self.state is JournalState.FULL:
                self._hand_back([])

    async def _begin_again(self) -> bool:
        async with self._writing:
            transactions, doubt = self._transactions, self._doubt
            fresh_ids: dict[int, int] | None = None
            try:
                connection = self._connection
                if connection is not None and not connection.is_closed:
                    serial = await transactions.begin_session(connection)
                else:
                    self._connection = None
                    connection, serial = await self._servers.again(transactions.begin_session)
                    self._connection = connection
                if serial < transactions.confirmed:
                    self._give_up(f"{connection.server} has lost {transactions.confirmed - serial} confirmed transactions")
                    return True
                if doubt is not None:
                    fresh_ids = await transactions.read_back(connection, doubt, serial)
            except (Lost, BadRecord) as error:
                self.why = str(error)
                return False
            except Refused as error:
                if error.state == SUPERSEDED:
                    self._give_up(str(error))
                    return True
                self.why = str(error)
                return False
            why, self._doubt = self.why, None
            self.state = JournalState.WRITABLE
            log.info("journal writes again", server=str(connection.server), read_back=0 if doubt is None else len(doubt.items))
            outcomes: Outcomes = []
            if doubt is not None:
                refused = doubt.refused
                if fresh_ids is None:
                    failed = JournalFailed(f"not committed: {why}")
                    refused = {id(item): failed for item in doubt.items if not isinstance(item, READS)}
                outcomes = await self._outcomes(doubt.items, fresh_ids or {}, refused)
            self._hand_back(outcomes)
            return True

    def _give_up(self, why: str) -> None:
        """This incarnation ends: nothing that was in doubt can be known any more."""
        self._turn(JournalState.FAILED, why)
        doubt, self._doubt = self._doubt, None
        items = [] if doubt is None else doubt.items
        self._hand_back([(item.done, JournalFailed(why, certain=False)) for item in items])

    async def _read_size(self, connection: Connection) -> None:
        """Once a minute, between groups."""
        now_ms = self._clock.monotonic_ms()
        if self._sized_ms is not None and now_ms - self._sized_ms < SIZE_INTERVAL_MS:
            return
        self._sized_ms = now_ms
        try:
            self.size_bytes = (await connection.rows(SIZE))[0][0]
            self._metrics.journal_size_bytes.set(self.size_bytes)
        except (Lost, Refused) as error:
            self._turn(JournalState.FULL, str(error))
