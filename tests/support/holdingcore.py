"""A fake core that has booked and whose answers wait for the test. It must never be told what is asked."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from relay.loopback.coreserver import CoreServer


class HoldingServer(CoreServer):
    """Keeps its answers in `held`, once that is a list. Only with a latency: without one there is nothing to hold."""

    held: list[Callable[[], None]] | None = None

    def _later(self, link: Any, delay_ms: float, data: bytes, close: bool, kind: str = "") -> None:
        late = super()._later
        if self.held is None:
            late(link, delay_ms, data, close, kind)
        else:
            self.held.append(lambda: late(link, delay_ms, data, close, kind))
