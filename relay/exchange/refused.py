"""Keys that were refused without a record, while the journal could not be written: for a while they stay refused.

Owns a bounded memory of such keys. It must never know why, nor touch the journal. The trap it exists for: a terminal repeats a
message before it hears the refusal of the first copy. When the journal can be written again in that moment, the repeat would
be approved, and the terminal, which has heard "no" and ended, would never pay. So a refusal that ends a message for its
terminal ends it here too, for longer than a copy can be on its way; a restart breaks every link, and with it what was on its
way.
"""

from __future__ import annotations

from collections import deque

KEPT_MS = 60_000  # longer than any copy is on its way: TCP_USER_TIMEOUT is half of it
KEYS_MAX = 100_000  # then the oldest go first: at 1,600 refusals a second none goes early


class RefusedKeys:
    def __init__(self) -> None:
        self._until_ms: dict[str, int] = {}
        self._oldest: deque[tuple[int, str]] = deque()

    def __len__(self) -> int:
        return len(self._until_ms)

    def add(self, key: str, now_ms: int) -> None:
        """`key` was refused at `now_ms` (monotonic milliseconds)."""
        self._forget(now_ms)
        until_ms = now_ms + KEPT_MS
        self._until_ms[key] = until_ms
        self._oldest.append((until_ms, key))
        if len(self._oldest) > KEYS_MAX:
            self._drop()

    def holds(self, key: str, now_ms: int) -> bool:
        self._forget(now_ms)
        return key in self._until_ms

    def _forget(self, now_ms: int) -> None:
        while self._oldest and self._oldest[0][0] <= now_ms:
            self._drop()

    def _drop(self) -> None:
        until_ms, key = self._oldest.popleft()
        if self._until_ms.get(key) == until_ms:  # else it was refused once more since
            del self._until_ms[key]
