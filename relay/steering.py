"""What people decide about the regions of the running daemon: pin, seal, block, and their opposites.

Owns the handlers of `relay region`, and the order of durable, effective, answered. It must never touch an exchange, nor judge
what the name servers say. The traps: a seal is acknowledged only when it is durable and nothing is under way in the sealed
epoch any more, for a failover run promotes a database on the strength of that word; what shuts takes effect before it is
durable and what opens after it; what could not be made durable is taken back and told so; of two people at once each changes
what the other left, so reading, changing and writing is one thing; and whoever waits may give up (the control server has a
time limit), which must not leave half a decision (`to_the_end`). Safe to repeat: each says where it is already so.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from functools import partial
from inspect import iscoroutinefunction
from typing import TYPE_CHECKING

import msgspec

from relay.bridge import answer_of, spawn
from relay.control import regions as c
from relay.control.commands import StatusArgs
from relay.control.report import Done
from relay.control.server import Handler
from relay.control.twosigning import half
from relay.errors import RelayError
from relay.exchange.gate import CLASSES
from relay.journal.port import StepResult
from relay.region.book import Book, Deed, Pin
from relay.region.chooser import Chooser
from relay.tailing import measure_again, unfinished_in_words
from relay.telemetry.log import get_log

if TYPE_CHECKING:
    from relay.daemon import Daemon

log = get_log("steering")
SEAL_LOOK_MS = 10  # how often a seal looks whether anything is still under way
CLASS_ALIASES = {"zengin": "partner"}


class Steering:
    def __init__(self, daemon: Daemon, book: Book) -> None:
        self._daemon = daemon
        self._book = book
        self._is_sealing = False
        self._changing = asyncio.Lock()  # what is read, changed and written in the book
        self._shutting: list[frozenset[str]] = []  # blocks that are not durable yet
        self._use_blocked()

    def handlers(self) -> Mapping[str, Handler]:
        return {
            "region-status": self._status,
            "region-pin": self._pin,
            "region-unpin": self._unpin,
            "region-seal": self._seal,
            "region-unseal": self._unseal,
            "region-block": self._block,
            "region-release": self._release,
            "region-tail": self._tail,
        }

    def _status(self, _: StatusArgs) -> c.RegionsReport:
        return self._daemon.regions.status()

    async def _pin(self, args: c.RegionPinArgs) -> Done:
        chooser = self._pinnable()
        names = self._daemon.regions.names
        if args.region not in names:
            raise RelayError(f"no region {args.region} is configured.", f"There are: {', '.join(names)}.")
        epoch = args.epoch or self._daemon.journal.epoch
        why_not = "no epoch is known: say which" if not epoch else chooser.why_no_pin(args.region, epoch)
        if why_not:
            raise RelayError(f"{why_not}.", "relay region status shows what is known.")
        what = ("pin", args.region, str(epoch), str(args.minutes))
        signed = self._daemon.signing.sign(what, args.who, args.second, args.why)
        if signed is None:
            return half(args.who, args.second)
        now_ms = self._daemon.clock.wall_ms()
        pin = Pin(args.region, epoch, now_ms + args.minutes * 60_000, signed.who, signed.second, signed.why, now_ms)
        await self._pinned(chooser, pin, "the pin")
        await self._did(f"pin {pin.region} epoch {pin.epoch} for {args.minutes} minutes", signed.who, signed.why, signed.second)
        return Done(f"pinned at {pin.region}, epoch {epoch}, for {args.minutes} minutes; its region has to confirm the epoch")

    async def _unpin(self, args: c.RegionUnpinArgs) -> Done:
        chooser = self._pinnable()
        if chooser.pin is None:
            raise RelayError("nothing is pinned.")
        await self._pinned(chooser, None, "the end of the pin")
        await self._did("unpin", args.who, args.why)
        return Done("not pinned any more: the name servers decide")

    async def _pinned(self, chooser: Chooser, pin: Pin | None, what: str) -> None:
        """It holds as soon as it is durable, also where nobody waits for that any more: else it would at the next start."""

        def keep(done: Callable[[StepResult], None]) -> None:
            def kept(result: StepResult) -> None:
                if result is None:
                    chooser.use_pin(pin)
                done(result)

            self._book.keep_pin(pin, kept)

        self._durable(await answer_of(keep), what)

    def _pinnable(self) -> Chooser:
        chooser = self._daemon.regions.chooser
        if chooser is None:
            raise RelayError("the core itself names the region here.", 'A pin needs region.source = "dns".')
        return chooser

    async def _seal(self, args: c.RegionSealArgs) -> Done:
        d = self._daemon
        if args.epoch != d.journal.epoch:
            raise RelayError(f"epoch {args.epoch} is not the known one ({d.journal.epoch}).", "relay region status")
        if self._is_sealing:
            raise RelayError("a seal is under way.", "Try again in a moment.")
        before = d.region.sealed_epoch
        self._is_sealing = True
        try:
            d.region.seal(args.epoch, is_durable=False)  # from here nothing new is asked
            ended = await self._end_calls(args.epoch + 1)
            result: StepResult = await answer_of(partial(self._book.keep_sealed, args.epoch))
            d.region.seal(args.epoch if result is None else before)
            self._durable(result, "the seal")
            await self._end_others()
        finally:
            self._is_sealing = False
        await self._did(f"seal {args.epoch}", args.who, args.why)
        return Done(f"epoch {args.epoch} is sealed, durably; {ended} calls were cut short and are unknown")

    async def _end_calls(self, below: int) -> int:
        """Wait until nothing is under way below an epoch, in whosever name; what outlasts the deadline ends now. Returns how
        many that were."""
        d = self._daemon
        until_ms = d.clock.monotonic_ms() + d.settings.core.old_epoch_deadline_ms
        while d.clients.count_below(below) and d.clock.monotonic_ms() < until_ms:
            await answer_of(partial(self._after, SEAL_LOOK_MS))
        left = d.clients.count_below(below)
        d.clients.end_below(below)
        return left

    def _after(self, delay_ms: int, done: Callable[[None], None]) -> None:
        self._daemon.timers.after(delay_ms, partial(done, None))

    async def _unseal(self, args: c.RegionSealArgs) -> Done:
        d = self._daemon
        if args.epoch != d.region.sealed_epoch or self._is_sealing:
            raise RelayError(f"epoch {args.epoch} is not sealed.", "relay region status")
        self._durable(await answer_of(partial(self._book.keep_sealed, 0)), "the end of the seal")
        d.region.seal(0)
        await self._did(f"unseal {args.epoch}", args.who, args.why)
        return Done(f"epoch {args.epoch} may be spoken in again, if it is still the active one")

    async def _block(self, args: c.RegionBlockArgs) -> Done:
        wanted = _classes(args.classes)
        self._shutting.append(wanted)
        self._use_blocked()
        try:
            async with self._changing:
                result: StepResult = await answer_of(partial(self._book.keep_blocked, self._book.blocked() | wanted))
        finally:
            self._shutting.remove(wanted)
            self._use_blocked()
        self._durable(result, "the block")
        await self._did(f"block {' '.join(sorted(wanted))}", args.who, args.why)
        return Done(f"suspended: {', '.join(sorted(self._book.blocked()))}; sessions stay up, advices are taken")

    async def _release(self, args: c.RegionReleaseArgs) -> Done:
        wanted = _classes(args.classes)
        regions = self._daemon.regions
        unfinished = unfinished_in_words(regions.tails, regions.taking_over.tails)
        if unfinished and not args.despite_tail:
            raise RelayError(
                f"{unfinished}.", "Wait until `relay region status` says that the tail is replayed, or add --despite-tail."
            )
        despite = " despite the tail" if unfinished else ""
        async with self._changing:
            result: StepResult = await answer_of(partial(self._book.keep_blocked, self._book.blocked() - wanted))
            self._use_blocked()
        self._durable(result, "the release")
        await self._did(f"release {' '.join(sorted(wanted))}{despite}", args.who, args.why)
        left = ", ".join(sorted(self._book.blocked()))
        return Done(f"released: {', '.join(sorted(wanted))}; still suspended: {left or 'nothing'}")

    async def _tail(self, args: c.RegionTailArgs) -> Done:
        done = measure_again(self._daemon, args)
        await self._did(f"tail from {args.from_ms}" if args.from_ms else f"tail lag {args.lag_ms} ms", args.who, args.why)
        return done

    def follow(self) -> None:
        """Not the first of several workers: what people decided there holds here, as it stands on disk."""
        d = self._daemon
        if d.desk.gate.blocked != self._book.blocked():
            self._use_blocked()
        sealed = self._book.sealed()
        if sealed != d.region.sealed_epoch:
            d.region.seal(sealed)
            log.warning("sealed as the first worker was told", epoch=sealed)
            spawn("seal", self._end_sealed(sealed))

    async def _end_sealed(self, epoch: int) -> None:
        await self._end_calls(epoch + 1)

    async def _end_others(self) -> None:
        """Until no other worker has anything under way in what is sealed, durably: each has heard of it in a beat by then, or
        may not speak because its lease has lapsed."""
        d = self._daemon
        if d.workers.share is not None:
            await answer_of(partial(self._after, d.workers.share.lease_ms + d.settings.core.old_epoch_deadline_ms))

    def _use_blocked(self) -> None:
        """A block holds at once, a release when it is durable."""
        self._daemon.desk.gate.blocked = self._book.blocked().union(*self._shutting)
        for name in CLASSES:
            self._daemon.metrics.region_blocked.labels(name).set(int(name in self._daemon.desk.gate.blocked))

    def _durable(self, result: StepResult, what: str) -> None:
        if result is not None:
            raise RelayError(
                f"{what} was not recorded: {result.why}.", "Nothing has changed; try again when the journal writes."
            )

    async def _did(self, what: str, who: str, why: str, second: str = "") -> None:
        log.warning("people decided about a region", what=what, who=who, second=second, why=why)
        async with self._changing:
            await answer_of(partial(self._book.note, Deed(self._daemon.clock.wall_ms(), what, who, why, second)))


def to_the_end(handlers: Mapping[str, Handler]) -> Mapping[str, Handler]:
    """The same, those that wait as work of its own: what was begun is done, also where nobody waits for it any more."""
    return {
        name: partial(_to_the_end, name, handler) if iscoroutinefunction(handler) else handler
        for name, handler in handlers.items()
    }


async def _to_the_end(
    name: str, handler: Callable[[msgspec.Struct], Awaitable[msgspec.Struct]], args: msgspec.Struct
) -> msgspec.Struct:
    async def work() -> msgspec.Struct | RelayError:
        try:
            return await handler(args)
        except RelayError as error:  # a refusal is an answer, and no failure of the work
            return error

    done = await asyncio.shield(spawn(name, work()))
    if isinstance(done, RelayError):
        raise done
    return done


def _classes(names: tuple[str, ...]) -> frozenset[str]:
    if names == ("all",):
        return frozenset(CLASSES)
    classes = frozenset(CLASS_ALIASES.get(name, name) for name in names)
    unknown = sorted(classes - set(CLASSES))
    if unknown:
        raise RelayError(f"there is no class {', '.join(unknown)}.", f"There are: {', '.join(CLASSES)}, or all.")
    return classes
