"""The compiled dialects of this process: the same settings give the very same object, reload after reload.

Owns what "the same" means: the dialect's name, its profile, and the text of every overlay that was read for it. It must never
look into a profile. The trap: a late answer goes to a terminal's newer link only where both links have the very same dialect
(relay/wire/link.py), so a reload that compiled anew what has not changed would cost terminals their answers; and an overlay
may change behind the same name, so its text counts and not its name. Attached hooks count by their name alone: their code is
imported once in a process (relay/configuration/hooks.py).
"""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from protocols.dialect import Dialect
from relay.configfile import build_dialect
from relay.settings import LinkSettings

KEPT_PER_LINK_MAX = 4  # the one at work, and those that a refused or taken back reload may come back to


class DialectShelf:
    """Args: `read_text` gives an overlay's text by name; `wall_ms` is the clock that dialects are built with."""

    def __init__(self, read_text: Callable[[str], str], wall_ms: Callable[[], int]) -> None:
        self._read_text = read_text
        self._wall_ms = wall_ms
        self._kept: dict[str, dict[bytes, Dialect]] = {}

    def take(self, link: LinkSettings) -> Dialect:
        """The dialect of a listener or dialer, compiled from what the files say now. Raises ConfigurationError."""
        read: list[tuple[str, str]] = []

        def reading(name: str) -> str:
            text = self._read_text(name)
            read.append((name, text))
            return text

        built = build_dialect(link, reading, self._wall_ms)
        made_of = msgspec.json.encode((link.dialect, link.profile, read), order="deterministic")
        kept = self._kept.setdefault(link.name, {})
        dialect = kept.pop(made_of, built)
        kept[made_of] = dialect  # the latest at the end
        while len(kept) > KEPT_PER_LINK_MAX:
            del kept[next(iter(kept))]
        return dialect
