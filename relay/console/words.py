"""What the console says, in English and Japanese, and how it writes numbers, times and money.

Owns the looking up of a sentence and the formats. Pure. It must never hold a sentence itself (english.py, japanese.py). The
traps: a sentence that is missing in one language is found by a test and not by an operator; what the relay itself says (a
problem, a reason, a state that a dialect named) is shown as the relay says it, the same words as in its log; and times are the
bank's, with their offset beside the clock.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Final, Literal

from protocols.currencies import by_alpha
from protocols.errors import LocalMisuse
from relay.console.english import ENGLISH
from relay.console.japanese import JAPANESE

Language = Literal["en", "ja"]
LANGUAGES: Final[Mapping[Language, Mapping[str, str]]] = {"en": ENGLISH, "ja": JAPANESE}
NAMES: Final[Mapping[Language, str]] = {"en": "English", "ja": "日本語"}
_SECOND_MS, _MINUTE_MS, _HOUR_MS, _DAY_MS = 1_000, 60_000, 3_600_000, 86_400_000
_KIB = 1_024


def language_of(text: str) -> Language | None:
    """One of ours, by its name in a cookie or an address."""
    return next((known for known in NAMES if known == text), None)


def preferred(accept_language: str, otherwise: Language) -> Language:
    """The first of ours that a browser asks for (RFC 9110, Accept-Language); weights are nearly always in order already."""
    for part in accept_language.split(",")[:10]:
        found = language_of(part.partition(";")[0].strip().partition("-")[0].lower())
        if found is not None:
            return found
    return otherwise


class Words:
    """Of one language. `offset_minutes` is the bank's time, east of UTC."""

    def __init__(self, language: Language, offset_minutes: int = 0) -> None:
        self.language = language
        self._offset = timedelta(minutes=offset_minutes)
        self._said = LANGUAGES[language]

    def __call__(self, key: str, **values: str | int) -> str:
        """The sentence of `key`. Raises KeyError: that is our own mistake."""
        said = self._said[key]
        return said.format(**values) if values else said

    def maybe(self, key: str, otherwise: str) -> str:
        """For names that others choose: a state, a kind, a class."""
        return self._said.get(key, otherwise)

    def keys(self, prefix: str) -> tuple[str, ...]:
        """Those that begin so."""
        return tuple(key for key in self._said if key.startswith(prefix))

    # ---- numbers -----------------------------------------------------------------------------------------------------
    def number(self, count: int) -> str:
        return f"{count:,}"

    def rate(self, per_s: float) -> str:
        return f"{per_s:,.0f}" if per_s >= 100 or per_s == int(per_s) else f"{per_s:.1f}"

    def millis(self, ms: float | None) -> str:
        if ms is None:
            return "–"
        return f"{ms:,.0f}" if ms >= 10 or ms == int(ms) else f"{ms:.1f}"

    def money(self, minor: int | None, currency: str) -> str:
        if minor is None:
            return "–"
        try:
            places = by_alpha(currency)[1]
        except LocalMisuse:
            places = None
        if not places:
            return f"{minor:,} {currency}".strip()
        whole, part = divmod(abs(minor), 10**places)
        return f"{'-' if minor < 0 else ''}{whole:,}.{part:0{places}d} {currency}"

    def size(self, count: int) -> str:
        value, units = float(count), ["B", "KiB", "MiB", "GiB", "TiB"]
        while value >= _KIB and len(units) > 1:
            value /= _KIB
            units.pop(0)
        return f"{value:,.0f} {units[0]}" if units[0] == "B" else f"{value:,.1f} {units[0]}"

    # ---- times -------------------------------------------------------------------------------------------------------
    def clock(self, ms: int) -> str:
        return self._at(ms).strftime("%H:%M:%S")

    def moment(self, ms: int) -> str:
        return self._at(ms).strftime("%Y-%m-%d %H:%M:%S") if ms else "–"

    def minute(self, ms: int) -> str:
        return self._at(ms).strftime("%H:%M")

    @property
    def zone(self) -> str:
        minutes = int(self._offset.total_seconds()) // 60
        return f"UTC{'-' if minutes < 0 else '+'}{abs(minutes) // 60:02}:{abs(minutes) % 60:02}"

    def unbroken(self, ms: int) -> str:
        """A duration among other words, which no line breaks apart."""
        return self.duration(ms).replace(" ", "\N{NO-BREAK SPACE}")

    def duration(self, ms: int) -> str:
        """At most two units."""
        if ms < _SECOND_MS:
            return self("time.ms", n=max(0, ms))
        if ms < _MINUTE_MS:
            return self("time.s", n=ms // _SECOND_MS)
        if ms < _HOUR_MS:
            return self("time.m", m=ms // _MINUTE_MS, s=ms % _MINUTE_MS // _SECOND_MS)
        if ms < _DAY_MS:
            return self("time.h", h=ms // _HOUR_MS, m=ms % _HOUR_MS // _MINUTE_MS)
        return self("time.d", d=ms // _DAY_MS, h=ms % _DAY_MS // _HOUR_MS)

    def _at(self, ms: int) -> datetime:
        return datetime.fromtimestamp(ms / 1_000, UTC) + self._offset
