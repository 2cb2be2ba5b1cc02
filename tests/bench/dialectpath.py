"""A dialect's own Python for one message: dialogue and translation, without link, desk, journal and core.

`python -m tests.bench.dialectpath [DIALECT] [ROUNDS] [--profile]`: the bench's far ends on one side, a dialogue on the other,
and between them a desk that approves at once. Owns one figure per dialect, CPU microseconds per message, least and median of
the rounds, and the same in hundredths of hotpath.py's yardstick, by which two versions are compared. It must never be quoted as
the cost of a message. The trap: the far end's own Python runs in between and is not counted.
"""

from __future__ import annotations

import asyncio
import sys
import time
import tomllib
from collections.abc import Callable
from statistics import median
from typing import Any

from protocols import dialect as d
from protocols.dialects import DIALECTS
from protocols.vocabulary import TAKEN, Approved, MessageClass, Received, Refusal
from tests.bench.dialects import FAR_ENDS
from tests.bench.dialects.atm import Atm
from tests.bench.dialects.center import Line
from tests.bench.dialects.room import Room
from tests.bench.dialects.till import Terminal, codec_and_day
from tests.bench.hotpath import Yardstick

MAKERS: dict[str, Callable[[Room], Any]] = {
    "ndc": lambda room: Atm(room, 1),
    "branch-p1": lambda room: Terminal(room, codec_and_day()[0], 1, codec_and_day()[1]),
    "zrc": Line,
}
APPROVED = Approved(authorisation_id="123456")


class Wire:
    """What either side writes waits here for the other."""

    def __init__(self) -> None:
        self.written: list[bytes] = []
        self.write = self.written.append


class Talk:
    """One link: a far end, a dialogue, a desk that approves at once and a journal that keeps everything."""

    def __init__(self, name: str) -> None:
        links = tomllib.loads(FAR_ENDS[name].links.format(port=1))
        (link, *_) = links.get("listener") or links["dialer"]
        kit = DIALECTS[name]
        profile = kit.profile_model.model_validate(link.get("profile", {}))  # type: ignore[attr-defined]
        self.dialect = kit.build(profile, lambda text: "", lambda: int(time.time() * 1_000))
        self.dialogue = self.dialect.new_dialogue()
        self.room = Room(0)
        self.room.is_running = True
        self.wire = Wire()
        self.far_end = MAKERS[name](self.room)
        self.stored: dict[str, bytes] = {}
        self.spent_s = 0.0
        is_dialled = "dialer" in links
        self._step(d.LinkOpened("127.0.0.1", 1, dialled=is_dialled, stored=self.stored, realm="bank", link_id="bench"))
        self.far_end.connection_made(self.wire)
        for data in self.opening:
            self.far_end.data_received(data)
        for _ in range(20):
            self._turn()
        begin = self.far_end.start if name == "zrc" else self.far_end.ask
        begin()

    def _step(self, event: d.Event) -> None:
        """Everything that follows from one event, in the order of a link; what it says is in `opening`."""
        now_ms = 1_000_000
        self.opening: list[bytes] = []
        events = [event]
        for event in events:  # grows while it is walked
            for action in self.dialogue.step(event, now_ms):
                if isinstance(action, (d.Send, d.Command)):
                    self.opening.append(action.data)
                elif isinstance(action, d.Store):
                    self.stored[action.name] = action.value
                    events.append(d.Stored(action.name, True))
                elif isinstance(action, d.Ask):
                    request = self.dialect.to_request(action.message, Received(1_795_000_000_000, "bench", "bank", "bench"))
                    if isinstance(request, Refusal):
                        raise RuntimeError(f"refused: {request}: this measures nothing")
                    answer = APPROVED if request.message_class is MessageClass.FINANCIAL else TAKEN
                    reply = self.dialect.to_reply(action.message, answer, 1_795_000_000_000)
                    events.append(d.ReplyDecided(action.message, reply))
                elif isinstance(action, (d.HangUp, d.Refuse)):
                    raise RuntimeError(f"{action}: this measures nothing")

    def _turn(self) -> None:
        """What the far end has said, to the dialogue; what that says, to the far end."""
        said, self.wire.written[:] = list(self.wire.written), []
        for data in said:
            start = time.process_time()
            self._step(d.BytesArrived(data))
            self.spent_s += time.process_time() - start
            for answer in self.opening:
                self.far_end.data_received(answer)

    def round(self, messages: int) -> float:
        """Microseconds of CPU per message."""
        self.spent_s, before = 0.0, self.room.answered
        while self.room.answered - before < messages:
            if not self.wire.written:
                raise RuntimeError("nobody says anything: this measures nothing")
            self._turn()
        if self.room.refused:
            raise RuntimeError("a message was refused: this measures nothing")
        return self.spent_s / (self.room.answered - before) * 1e6


def measure(name: str, rounds: int, profile: bool) -> None:
    talk = Talk(name)
    talk.round(500)
    if profile:
        import cProfile
        import pstats

        profiler = cProfile.Profile()
        profiler.enable()
        talk.round(3_000)
        profiler.disable()
        pstats.Stats(profiler).sort_stats("tottime").print_stats(35)
    yardstick = Yardstick()
    figures: list[float] = []
    multiples: list[float] = []
    for _ in range(rounds * 4):
        before = yardstick.run_us()
        figures.append(talk.round(300))
        multiples.append(figures[-1] * 200 / (before + yardstick.run_us()))
    print(
        f"{name}: {min(figures):.1f} us per message at best, {median(figures):.1f} in the middle of {len(figures)} rounds; "
        f"{median(multiples):.2f} hundredths of the yardstick"
    )


async def main(words: list[str]) -> None:
    rounds = next((int(word) for word in words if word.isdigit()), 15)
    for name in [word for word in words if word in MAKERS] or list(MAKERS):
        measure(name, rounds, "--profile" in words)


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1:]))
