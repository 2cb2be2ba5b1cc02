"""The fake ATMs on virtual time: each a mind with a pipe, timers, and customers who think.

Owns the doing of deeds, and the ghost: now and then an original comes again after its reversal was acknowledged, as a network
or a confused terminal would do it. It must never decide what a mind can decide, and never read the relay's memory or disk.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from random import Random

from protocols.framing import FrameCutter, Framing, wrap
from protocols.iso8583.codec import compile_codec
from protocols.iso8583.message import IsoMessage
from protocols.iso8583.spec import load_spec
from relay.loopback.atm import AtmMind, AtmState
from relay.loopback.books import Books
from relay.loopback.customers import Customers
from relay.loopback.deeds import AtmPolicy, Connect, Deed, HangUp, Ready, Say, Wake
from relay.loopback.tally import Tally
from tests.simulation.wires import Pipe
from tests.support.virtualtime import VirtualTime, VirtualTimer

POLICY = AtmPolicy(
    reply_timeout_ms=5_000,
    repeat_after_ms=1_500,
    repeat_share=0.4,
    reversal_repeat_ms=1_000,
    echo_after_ms=3_000,
    deposit_tries_max=20,
)
FRAMING = Framing.named("ascii4")
CODEC = compile_codec(load_spec("1987", "ascii"))

GHOST_SHARE = 0.5  # of the acknowledged reversals

Accept = Callable[[Callable[[bytes], None], Callable[[], None]], Pipe | None]


class SimulatedTerminal:
    def __init__(
        self,
        name: str,
        time: VirtualTime,
        chance: Random,
        books: Books,
        tally: Tally,
        customers: Customers,
        accept: Accept,
        watch: Callable[[str, IsoMessage, bool], None],
        think_ms: float,
        policy: AtmPolicy = POLICY,
    ) -> None:
        self.name = name
        self._time = time
        self._accept = accept
        self._watch = watch
        self._customers = customers
        self.think_ms = think_ms
        self._timers: dict[str, VirtualTimer] = {}
        self._chance = chance
        self._asked: dict[str, IsoMessage] = {}  # by trace
        self._reversing: dict[str, str] = {}  # trace of a reversal -> trace of its original
        self._reversed: set[str] = set()  # originals whose reversal the relay has acknowledged
        self._cutter = FrameCutter(FRAMING)
        self.pipe: Pipe | None = None
        self.is_serving = True
        self.mind = AtmMind(name, books, tally, policy, chance, time.wall_ms() - time.monotonic_ms())
        time.after(chance.randint(1, 500), self._connect)

    def _connect(self) -> None:
        self._cutter = FrameCutter(FRAMING)
        self.pipe = self._accept(self._heard, self._lost)
        now_ms = self._time.monotonic_ms()
        self._do(self.mind.link_failed(now_ms) if self.pipe is None else self.mind.link_opened(now_ms))

    def _lost(self) -> None:
        self.pipe = None
        self._do(self.mind.link_closed(self._time.monotonic_ms()))

    def _heard(self, data: bytes) -> None:
        for frame in self._cutter.feed(data):
            if not frame.is_zero:
                message = CODEC.decode(frame.body)
                trace = str(message.fields.get(11))
                is_ghost = message.mti == "0210" and trace in self._reversed
                self._watch(self.name, message, is_ghost)
                if is_ghost:
                    continue
                if message.mti == "0430" and message.fields.get(39) == "00" and trace in self._reversing:
                    self._haunt(self._reversing[trace])
                self._do(self.mind.received(message, self._time.monotonic_ms()))

    def _haunt(self, trace: str) -> None:
        self._reversed.add(trace)
        original = self._asked.get(trace)
        if original is not None and self._chance.random() < GHOST_SHARE:
            again = IsoMessage("0201", original.fields)
            self._time.after(self._chance.randint(1, 3_000), lambda: self._say(again))

    def _say(self, message: IsoMessage) -> None:
        if self.pipe is not None:
            self.pipe.send(wrap(FRAMING, CODEC.encode(message)))

    def _fired(self, name: str) -> None:
        self._timers.pop(name, None)
        self._do(self.mind.timer_fired(name, self._time.monotonic_ms()))

    def begin_again(self) -> None:
        """Customers come again after a quiet time."""
        self._time.after(int(self._customers.think_ms(self.think_ms)), self._serve)

    def _serve(self) -> None:
        if self.is_serving and self.mind.is_free:
            now_ms = self._time.monotonic_ms()
            self._do(self.mind.begin(self._customers.next(now_ms), now_ms))

    def _do(self, deeds: Sequence[Deed]) -> None:
        for deed in deeds:
            if isinstance(deed, Say):
                self._remember(deed.message)
                self._say(deed.message)
            elif isinstance(deed, Wake):
                timer = self._timers.pop(deed.name, None)
                if timer is not None:
                    timer.cancel()
                if deed.after_ms is not None:
                    self._timers[deed.name] = self._time.after(int(deed.after_ms), lambda name=deed.name: self._fired(name))
            elif isinstance(deed, Ready):
                self._time.after(int(self._customers.think_ms(self.think_ms)), self._serve)
            elif isinstance(deed, Connect):
                self._time.after(int(deed.after_ms), self._connect)
            elif isinstance(deed, HangUp) and self.pipe is not None:
                self.pipe.close()

    def _remember(self, message: IsoMessage) -> None:
        trace = str(message.fields.get(11))
        if message.mti == "0200":
            self._asked[trace] = message
        elif message.mti in ("0420", "0421"):
            self._reversing[trace] = str(message.fields[90])[4:10]

    @property
    def is_settled(self) -> bool:
        return self.mind.is_settled and self.mind.state is AtmState.READY
