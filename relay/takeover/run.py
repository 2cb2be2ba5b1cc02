"""The carrying out of a take-over: look, decide, write down, do; again and again until there is nothing to do.

Owns the one loop, and what people may ask of it: begin, give back. It must never know SQL or HTTP (relay/takeover/ways.py).
The traps: a state is entered only when it is durable, so a process that dies anywhere goes on from what is written, and
looks before it does anything; and while the journal is at work the fence is looked at in each new epoch of the region
before a word is said in it, because the database of the new region is a copy that may have lost it.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from msgspec.structs import replace

from protocols.machine import next_state
from relay.bridge import answer_of
from relay.clock import Clock
from relay.core.contract import FenceRequest
from relay.errors import RelayError
from relay.journal.port import StepResult
from relay.takeover import plan
from relay.takeover.record import Record, Signed, TakeoverBook
from relay.takeover.states import ACTIVE, AT_WORK, AWAITED, SPOKEN_FOR, TRANSITIONS, Event, State
from relay.takeover.ways import NotNow, Ways
from relay.telemetry.log import get_log

log = get_log("takeover")


class TakeOver:
    """`sleep_ms` may end early; `changed` hears of each change of state, `troubled` of each look that came to nothing."""

    def __init__(
        self,
        own_center: str,
        book: TakeoverBook,
        ways: Ways,
        clock: Clock,
        sleep_ms: Callable[[int], Awaitable[None]],
        look_ms: int,
        changed: Callable[[], None] = lambda: None,
        troubled: Callable[[], None] = lambda: None,
    ) -> None:
        self._own_center = own_center
        self._book = book
        self._ways = ways
        self._clock = clock
        self._sleep_ms = sleep_ms
        self._look_ms = look_ms
        self._changed = changed
        self._troubled = troubled
        self._is_stopped = False
        self._is_deciding = False
        self._asked: plan.Step | None = None  # what the last look asked for
        self.record = book.record()
        self.fenced_epoch = 0  # of the region: in it the fence was seen to stand, in this life
        self.trouble = ""  # why the last look came to nothing

    @property
    def is_awaited(self) -> bool:
        """The other center's messages are ours to answer, and its journal is not at work here."""
        return self.record.state in AWAITED | AT_WORK and not self._ways.is_at_work

    @property
    def may_speak(self) -> bool:
        """In the other center's name, in the epoch in which the core may be asked now."""
        epoch = self._ways.region_epoch
        return self.record.state in SPOKEN_FOR and epoch > 0 and epoch == self.fenced_epoch

    # ---- people ------------------------------------------------------------------------------------------------------
    async def begin(self, center: str, signed: Signed) -> Record:
        """Two people say that `center` is lost. Said again about the same center it is the same. Raises RelayError."""
        self._check(signed)
        if center == self._own_center:
            raise RelayError("a center does not take itself over.", "Say it at the other center.")
        record = self.record
        if record.state in ACTIVE:
            if record.center == center and record.state is not State.RETURNING:
                return record
            raise RelayError(f"{record.center} is being taken over: {record.state_name}.", "relay takeover status")
        run = f"{self._own_center}-{signed.at_ms}"
        await self._enter(Record(run=run, center=center, began=signed, state_name=record.state_name), Event.SIGNED)
        return self.record

    async def give_back(self, signed: Signed) -> Record:
        """Two people say that the journal goes back to its own center. Raises RelayError where anything is open."""
        self._check(signed)
        record = self.record
        if record.state in (State.RETURNING, State.RETURNED):
            return record
        if record.state not in AT_WORK or not self._ways.is_at_work:
            raise RelayError("no journal of another center is at work here.", "relay takeover status")
        if self._ways.open_count:
            raise RelayError(
                f"{self._ways.open_count} are not at their end.",
                "Wait until relay takeover status shows 0 open, and say it again.",
            )
        await self._enter(replace(record, returned=signed), Event.GIVEN_BACK)
        return self.record

    @staticmethod
    def _check(signed: Signed) -> None:
        if not signed.who or not signed.second or signed.who.casefold() == signed.second.casefold():
            raise RelayError("a take-over is signed by two different people.", "Give --who and --second.")

    # ---- the loop ----------------------------------------------------------------------------------------------------
    def stop(self) -> None:
        self._is_stopped = True

    async def run(self) -> None:
        while not self._is_stopped:
            is_moved = False
            if self.record.state in ACTIVE:
                try:
                    is_moved = await self._look()
                    self._told("")
                except RelayError as no:
                    self._troubled()
                    self._told(str(no))
                except Exception as error:  # looked at again: one that ended here would leave a center to nobody
                    log.exception("a look of the take-over failed by a mistake of ours")
                    self._troubled()
                    self._told(f"{type(error).__name__} in the relay: the log has it")
            await self._sleep_ms(0 if is_moved else self._look_ms)

    def _told(self, trouble: str) -> None:
        if trouble and trouble != self.trouble:
            log.warning("take-over waits", center=self.record.center, state=self.record.state_name, why=trouble)
        self.trouble = trouble

    async def _look(self) -> bool:
        """One look and what follows from it. Whether to look again at once."""
        match self.record.state:
            case State.FENCING:
                return await self._fencing()
            case State.PROMOTING:
                return await self._promoting()
            case State.OPENING:
                found = await self._ways.open(self.record.life_floor)
                return await self._do(plan.opening(self.record, found, self._own_center))
            case State.ADOPTED:
                return await self._at_work()
            case State.RETURNING:
                return await self._returning()
            case _:
                return False

    async def _fencing(self) -> bool:
        epoch = self._ways.region_epoch
        step = plan.fencing(self.record, await self._ways.standing(self.record.center))
        if isinstance(step, plan.Proven) and epoch == self._ways.region_epoch:
            self.fenced_epoch = epoch
        return await self._do(step)

    async def _promoting(self) -> bool:
        is_writing = await self._ways.is_writing()
        if not is_writing and not self.record.copied_until_ms:
            until_ms = await self._ways.copied_until()
            if until_ms:
                await self._enter(replace(self.record, copied_until_ms=until_ms), Event.COPY_MEASURED)
        return await self._do(plan.promoting(is_writing))

    async def _fence_again(self) -> plan.Step | None:
        """What the fence needs in the region's present epoch; None where it was seen to stand, or nobody may be asked."""
        epoch = self._ways.region_epoch
        if epoch and epoch != self.fenced_epoch:
            step = plan.fencing_again(self.record, await self._ways.standing(self.record.center))
            if not isinstance(step, plan.Proven):
                return step
            if epoch == self._ways.region_epoch:
                self.fenced_epoch = epoch
        return None

    async def _returning(self) -> bool:
        """A message that came between the signature and the closing is carried to its end first, as while it was at work: on
        this way there is nobody else who would."""
        wanted = plan.handed_back(self.record)
        if await self._ways.is_handed_back(wanted):
            return await self._do(plan.Proven(Event.JOURNAL_CLOSED))
        if self._ways.open_count:
            step = await self._fence_again()
            if step is not None:
                return await self._do(step)
            self._ways.follow()
        await self._ways.close(wanted)
        return True

    async def _at_work(self) -> bool:
        step = await self._fence_again()
        if step is not None:
            return await self._do(step)
        if self._ways.is_at_work:
            self._ways.follow()
            return False
        opened = plan.opening(self.record, await self._ways.open(self.record.life_floor), self._own_center)
        if isinstance(opened, plan.Proven):
            await self._ways.adopt(self.record)
            self._ways.follow()
            log.info("the journal of another center is at work here", center=self.record.center)
            self._changed()
            return False
        return await self._do(opened)

    async def _do(self, step: plan.Step) -> bool:
        """Whether to look again at once: not where the same was asked for just before, and is not so yet."""
        record, before, self._asked = self.record, self._asked, step
        if isinstance(step, plan.Stop):
            raise NotNow(f"{step.why}.", "Nothing is done by itself any more; two people have to find out who has the journal.")
        if isinstance(step, plan.Choose):
            numbered = replace(record, generation=step.generation, life_floor=step.life_floor)
            await self._enter(numbered, Event.NUMBER_CHOSEN)
        elif isinstance(step, plan.Fence):
            await self._ways.fence(
                record.center, FenceRequest(relay_epoch=record.fence, run=record.run, reason=record.began.why[:255])
            )
        elif isinstance(step, plan.Promote):
            await self._ways.promote()
        elif isinstance(step, plan.Raise):
            await self._ways.raise_generation(step.generation)
        else:
            await self._enter(record, step.event)
        return step != before

    async def _enter(self, record: Record, event: Event) -> None:
        """The next state, durable before it is ours, and ours once it is durable, also where that took so long that nobody
        waits any more: what is on disk and is not done here would be begun by the next life, long after everybody had
        forgotten it. Raises RelayError where it is not."""
        if self._is_deciding:
            raise NotNow("somebody else is just deciding about it.", "relay takeover status")
        state = next_state(TRANSITIONS, record.state, event)
        after = replace(record, state_name=state.name, changed_ms=self._clock.wall_ms())

        def keep(done: Callable[[StepResult], None]) -> None:
            def kept(result: StepResult) -> None:
                self._is_deciding = False
                if result is None:
                    self._entered(after)
                done(result)

            self._is_deciding = True
            self._book.keep(after, kept)

        result: StepResult = await answer_of(keep)
        if result is not None:
            raise NotNow(f"this center's own journal does not write: {result.why}.", "Nothing has changed.")

    def _entered(self, after: Record) -> None:
        self.record = after
        log.warning("take-over", center=after.center, state=after.state_name, run=after.run, fence=after.fence)
        self._changed()
