"""Terminals that have nothing but advices to deliver: each says one reversal after the other, and each until it is taken.

Owns their store of one message and their repeats. It must never look at a relay. The trap: a terminal forgets what was taken,
and that is the point: from then on nobody but the two centers and the core can know of it.
"""

from __future__ import annotations

from collections.abc import Callable
from random import Random

from protocols.framing import FrameCutter, wrap
from protocols.iso8583.message import IsoMessage
from tests.simulation.terminals import CODEC, FRAMING, Accept
from tests.simulation.wires import Pipe
from tests.support.isolink import network, reversal, withdrawal
from tests.support.virtualtime import VirtualTime

THINK_MS = (50, 600)
REPEAT_MS = 2_500
AGAIN_MS = (50, 500)  # before it dials again


class AdviceTerminal:
    """`watch(name, message, False)` hears each answer before the terminal does."""

    def __init__(
        self, name: str, time: VirtualTime, chance: Random, accept: Accept, watch: Callable[[str, IsoMessage, bool], None]
    ) -> None:
        self.name = name
        self.is_serving = True
        self.taken = self.refused = 0
        self._time = time
        self._chance = chance
        self._accept = accept
        self._watch = watch
        self._pipe: Pipe | None = None
        self._cutter = FrameCutter(FRAMING)
        self._trace = 1
        self._saying: IsoMessage | None = None
        self._asked = 0  # counts what was said: an older timer finds another number
        time.after(chance.randint(1, 500), self._connect)

    @property
    def is_settled(self) -> bool:
        return self._saying is None

    def begin_again(self) -> None:
        self._later()

    def _connect(self) -> None:
        self._cutter = FrameCutter(FRAMING)
        self._pipe = self._accept(self._heard, self._lost)
        if self._pipe is None:
            self._time.after(self._chance.randint(*AGAIN_MS), self._connect)
        else:
            self._send(network(changes={41: self.name}))

    def _lost(self) -> None:
        self._pipe = None
        self._time.after(self._chance.randint(*AGAIN_MS), self._connect)

    def _heard(self, data: bytes) -> None:
        for frame in self._cutter.feed(data):
            if frame.is_zero:
                continue
            message = CODEC.decode(frame.body)
            self._watch(self.name, message, False)
            if message.mti == "0810" and self._saying is not None:
                self._say("0421")
            elif message.mti == "0810":
                self._later()
            elif message.mti == "0430" and self._saying is not None and message.fields.get(11) == self._saying.fields[11]:
                self._answered(message.fields.get(39) == "00")

    def _answered(self, is_taken: bool) -> None:
        if is_taken:
            self.taken += 1
            self._saying = None
            self._later()
        else:
            self.refused += 1  # it keeps it, and its timer says it again

    def _later(self) -> None:
        self._time.after(self._chance.randint(*THINK_MS), self._next)

    def _next(self) -> None:
        if self.is_serving and self._saying is None and self._pipe is not None:
            self._trace += 1
            asked = withdrawal(changes={11: f"9{self._trace:05}", 41: self.name})
            self._saying = reversal(asked, changes={11: f"{self._trace:06}"})
            self._say("0420")

    def _say(self, mti: str) -> None:
        if self._saying is not None:
            self._asked += 1
            self._send(IsoMessage(mti, self._saying.fields))
            self._time.after(REPEAT_MS, lambda asked=self._asked: self._again(asked))

    def _again(self, asked: int) -> None:
        if asked == self._asked and self._saying is not None:
            self._say("0421")

    def _send(self, message: IsoMessage) -> None:
        if self._pipe is not None:
            self._pipe.send(wrap(FRAMING, CODEC.encode(message)))
