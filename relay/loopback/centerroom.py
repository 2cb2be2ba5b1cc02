"""A whole fake Zengin center: every logical line of every physical line on a port of its own, and the books over all of them.

Owns the set of lines and the questions that only all of them together can answer. It must never answer for a line. The trap:
発信通番 are the bank's, not the line's; a telegram that two lines took under one number is a double, and no line alone sees it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator

import msgspec

from relay.loopback.center import CenterMind, CenterState
from relay.loopback.centerbooks import CenterBooks, Given, Got
from relay.loopback.centerdeeds import CenterSettings
from relay.loopback.centerserver import CenterServer


class CenterRoom:
    """`physical` × `logical` lines. `on_change` is called after each thing that happened on any of them."""

    def __init__(
        self, physical: int, logical: int, settings: CenterSettings | None = None, on_change: Callable[[], None] = lambda: None
    ) -> None:
        base = settings or CenterSettings()
        self.lines: dict[str, CenterServer] = {}  # "01-02": physical line 01, logical line 02
        for p in range(1, physical + 1):
            for n in range(1, logical + 1):
                own = msgspec.structs.replace(base, physical=p, logical=n)
                self.lines[f"{p:02}-{n:02}"] = CenterServer(CenterMind(CenterBooks(), own), on_change=on_change)
        self._orders = 0

    async def start(self) -> None:
        for line in self.lines.values():
            await line.start()

    async def stop(self) -> None:
        for line in self.lines.values():
            await line.stop()

    def order(self, account: str, amount: int) -> None:
        """A customer of the other bank sends money, over the lines in turn. The other bank counts its 発信通番 over all."""
        turn = list(self.lines.values())[self._orders % len(self.lines)]
        self._orders += 1
        turn.order(self._orders, account, amount)

    # ---- over all lines ------------------------------------------------------------------------------------------------------
    @property
    def minds(self) -> list[CenterMind]:
        return [line.mind for line in self.lines.values()]

    def is_all(self, state: CenterState) -> bool:
        return all(mind.state is state for mind in self.minds)

    @property
    def is_settled(self) -> bool:
        return all(mind.is_settled for mind in self.minds)

    def given(self) -> Iterator[Given]:
        for mind in self.minds:
            yield from mind.books.given()

    def got(self) -> Iterator[Got]:
        for mind in self.minds:
            yield from mind.books.got()

    def doubles(self) -> list[int]:
        """発信通番 that were taken more than once, on one line or on two."""
        taken: Counter[int] = Counter()
        for got in self.got():
            taken[got.serial] += got.times
        return sorted(serial for serial, times in taken.items() if times > 1)
