"""Log lines as an event name and fields. The only door to stdlib logging, and where every line is masked and bounded.

Owns `Log`, which everything else uses, and `configure_logging`, which the daemon calls once and again at a reload. Two
formats: JSON lines with journald's `<N>` priority before them, and text for people. Lines of Twisted and of libraries come
out the same way. The traps: a hostile peer can cause a line per message, so lines of one event are limited; a value that a
peer chose may hold line feeds or terminal escapes, so control characters never leave; masking comes before cutting.
"""

from __future__ import annotations

import json
import logging
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from enum import Enum
from typing import Literal, TextIO

from relay.clock import SystemClock
from relay.telemetry.mask import mask_text

VALUE_CHARS_MAX = 2_000
TRACEBACK_CHARS_MAX = 16_000
LINES_PER_WINDOW_MAX = 100  # of one event at one level
WINDOW_MS = 10_000
EVENTS_COUNT_MAX = 1_000

Level = Literal["debug", "info", "warning", "error"]
Format = Literal["json", "text"]
Plain = str | int | float | bool | None | list["Plain"]

_PRIORITIES = ((logging.CRITICAL, 2), (logging.ERROR, 3), (logging.WARNING, 4), (logging.INFO, 6))
_RESERVED = frozenset({"at", "level", "source", "event", "traceback", "suppressed"})


class Log:
    """`log.info("link opened", listener="atm", peer="10.0.0.1")`. Fields must not hold card data."""

    __slots__ = ("_logger",)

    def __init__(self, name: str) -> None:
        self._logger = logging.getLogger(f"relay.{name}")

    def debug(self, event: str, **fields: object) -> None:
        self._logger.debug(event, extra={"fields": fields})

    def info(self, event: str, **fields: object) -> None:
        self._logger.info(event, extra={"fields": fields})

    def warning(self, event: str, **fields: object) -> None:
        self._logger.warning(event, extra={"fields": fields})

    def error(self, event: str, **fields: object) -> None:
        self._logger.error(event, extra={"fields": fields})

    def exception(self, event: str, **fields: object) -> None:
        self._logger.exception(event, extra={"fields": fields})


def get_log(name: str) -> Log:
    return Log(name)


def configure_logging(
    level: Level,
    format: Format,
    stream: TextIO | None = None,
    monotonic_ms: Callable[[], int] | None = None,
) -> None:
    """Write every line of `level` and above to `stream` (standard error), replacing what an earlier call set up.

    Args:
        level: lowest level of the relay's own lines; those of libraries are written from warning on.
        format: "json" for journald and collectors, "text" for people.
        stream: where to; None means standard error as it is at each line.
        monotonic_ms: the clock of the rate limit, milliseconds.
    """
    root = logging.getLogger()
    for handler in [handler for handler in root.handlers if isinstance(handler, LineHandler)]:
        root.removeHandler(handler)
    root.addHandler(LineHandler(format, stream, monotonic_ms or SystemClock().monotonic_ms))
    root.setLevel(logging.WARNING)
    logging.getLogger("relay").setLevel(level.upper())
    logging.captureWarnings(True)
    # Here and not above: commands that run no daemon shall not pay for importing Twisted.
    from relay.telemetry.twisted_log import forward_twisted_log

    forward_twisted_log()


class RateLimit:
    """At most so many lines per window of one event. Knows at most `EVENTS_COUNT_MAX` events; the oldest is forgotten."""

    __slots__ = ("_events", "_lines_max", "_window_ms")

    def __init__(self, lines_max: int = LINES_PER_WINDOW_MAX, window_ms: int = WINDOW_MS) -> None:
        self._lines_max = lines_max
        self._window_ms = window_ms
        self._events: dict[tuple[str, int, str], list[int]] = {}  # -> [window began, ms; lines in it]

    def __len__(self) -> int:
        return len(self._events)

    def admit(self, event: tuple[str, int, str], now_ms: int) -> int | None:
        """How many lines of this event were suppressed before this one; None when this one is suppressed, too."""
        seen = self._events.get(event)
        if seen is None or now_ms - seen[0] >= self._window_ms:
            if seen is not None:
                del self._events[event]
            elif len(self._events) >= EVENTS_COUNT_MAX:
                del self._events[next(iter(self._events))]
            self._events[event] = [now_ms, 1]
            return 0 if seen is None else max(0, seen[1] - self._lines_max)
        seen[1] += 1
        return None if seen[1] > self._lines_max else 0


class LineHandler(logging.Handler):
    """Turns one record into one line. Runs under logging's own lock, so the journal's thread may log, too."""

    def __init__(self, format: Format, stream: TextIO | None, monotonic_ms: Callable[[], int]) -> None:
        super().__init__()
        self._render = _json_line if format == "json" else _text_line
        self._stream = stream
        self._monotonic_ms = monotonic_ms
        self._limit = RateLimit()

    def emit(self, record: logging.LogRecord) -> None:
        suppressed = self._limit.admit((record.name, record.levelno, str(record.msg)), self._monotonic_ms())
        if suppressed is None:
            return
        stream = sys.stderr if self._stream is None else self._stream
        try:
            stream.write(self._render(record, suppressed) + "\n")
            stream.flush()
        except (OSError, ValueError):
            # The reader of our log is gone, or the stream is closed. There is nowhere left to say so.
            return


def _plain(value: object, depth: int = 0) -> Plain:
    """`value` as something JSON has, masked and cut."""
    if value is None or isinstance(value, bool | float):
        return value
    if isinstance(value, Enum):
        value = value.value
    if isinstance(value, int):
        text = str(value) if -(10**30) < value < 10**30 else "(a number of more than 30 digits)"
        masked = mask_text(text)
        return value if masked == str(value) else masked
    if isinstance(value, list | tuple) and depth == 0:
        return [_plain(item, 1) for item in value[:50]]
    return _text(str(value), VALUE_CHARS_MAX)


def _text(text: str, chars_max: int) -> str:
    masked = mask_text(text[: 2 * chars_max])
    return masked if len(masked) <= chars_max else f"{masked[:chars_max]}... ({len(text)} characters)"


def _members(record: logging.LogRecord, suppressed: int) -> dict[str, Plain]:
    """The line's members in the order of reading; a field never takes the place of one of our own."""
    at = datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    source = record.name.removeprefix("relay.")
    members: dict[str, Plain] = {"at": at, "level": record.levelname.lower(), "source": source}
    members["event"] = _text(record.getMessage(), VALUE_CHARS_MAX)
    fields: object = getattr(record, "fields", None)
    if isinstance(fields, dict):
        for name, value in fields.items():
            members[f"field_{name}" if name in _RESERVED else str(name)] = _plain(value)
    if suppressed:
        members["suppressed"] = suppressed
    if record.exc_info and record.exc_info[0] is not None:
        members["traceback"] = _text(_formatter.formatException(record.exc_info), TRACEBACK_CHARS_MAX)
    return members


def _priority(level: int) -> int:
    return next((priority for least, priority in _PRIORITIES if level >= least), 7)


def _json_line(record: logging.LogRecord, suppressed: int) -> str:
    """`<6>{"at":...}`; journald reads the priority and takes it off."""
    line = json.dumps(_members(record, suppressed), ensure_ascii=False, separators=(",", ":"))
    return f"<{_priority(record.levelno)}>{line}"


def _text_line(record: logging.LogRecord, suppressed: int) -> str:
    members = _members(record, suppressed)
    at, level, source, event = (str(members.pop(name)) for name in ("at", "level", "source", "event"))
    traceback = members.pop("traceback", None)
    fields = "".join(f" {name}={_readable(value)}" for name, value in members.items())
    line = f"{at[11:23]} {level:7} {source}: {event if event.isprintable() else repr(event)}{fields}"
    return line if traceback is None else f"{line}\n{_visible(str(traceback))}"


def _readable(value: Plain) -> str:
    text = str(value)
    return text if text.isprintable() and " " not in text and text else repr(text)


def _visible(text: str) -> str:
    """Several lines for a person, without terminal escapes."""
    return "".join(c if c == "\n" or c.isprintable() else repr(c)[1:-1] for c in text)


_formatter = logging.Formatter()
