"""One line per event, masked, bounded, and safe to show on a terminal."""

from __future__ import annotations

import io
import json
import logging
import warnings
from collections.abc import Iterator
from enum import Enum
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocols.vocabulary import Pan, Secret
from relay.telemetry import log as log_module
from relay.telemetry.log import (
    EVENTS_COUNT_MAX,
    LINES_PER_WINDOW_MAX,
    VALUE_CHARS_MAX,
    WINDOW_MS,
    Log,
    RateLimit,
    configure_logging,
)

PAN = "4539578763621486"


class Page:
    """A configured log whose lines end in a string, with a clock that the test moves."""

    def __init__(self) -> None:
        self.stream = io.StringIO()
        self.now_ms = 1_000

    def configure(self, level: Any = "info", format: Any = "json") -> Log:
        configure_logging(level, format, self.stream, lambda: self.now_ms)
        return Log("test")

    def lines(self) -> list[str]:
        return self.stream.getvalue().splitlines()

    def last(self) -> dict[str, Any]:
        line = self.lines()[-1]
        parsed: dict[str, Any] = json.loads(line[line.index(">") + 1 :])
        return parsed


@pytest.fixture
def page() -> Iterator[Page]:
    root, relay = logging.getLogger(), logging.getLogger("relay")
    before = (root.level, relay.level)
    yield Page()
    for handler in [handler for handler in root.handlers if isinstance(handler, log_module.LineHandler)]:
        root.removeHandler(handler)
    root.setLevel(before[0])
    relay.setLevel(before[1])
    logging.captureWarnings(False)


def test_json_line_has_priority_time_level_source_event_and_fields(page: Page) -> None:
    page.configure().info("link opened", listener="atm", peer_port=50123, certified=False, name=None)
    assert page.lines()[0].startswith('<6>{"at":"')
    line = page.last()
    assert line.pop("at").endswith("Z")
    assert line == {
        "level": "info",
        "source": "test",
        "event": "link opened",
        "listener": "atm",
        "peer_port": 50123,
        "certified": False,
        "name": None,
    }


@pytest.mark.parametrize(("level", "priority"), [("debug", 7), ("info", 6), ("warning", 4), ("error", 3)])
def test_priorities(page: Page, level: str, priority: int) -> None:
    getattr(page.configure("debug"), level)("happened")
    assert page.lines()[0].startswith(f"<{priority}>")


def test_levels_below_the_configured_one_are_not_written(page: Page) -> None:
    log = page.configure("warning")
    log.info("not this")
    log.warning("this")
    assert [json.loads(line[3:])["event"] for line in page.lines()] == ["this"]


def test_a_second_call_replaces_the_first(page: Page) -> None:
    page.configure("error")
    log = page.configure("debug")
    log.debug("once")
    assert len(page.lines()) == 1


def test_libraries_are_heard_from_warning_on(page: Page) -> None:
    page.configure("debug")
    logging.getLogger("httpx2").info("request to somewhere")
    logging.getLogger("asyncio").error("callback failed")
    assert [json.loads(line[3:])["source"] for line in page.lines()] == ["asyncio"]


def test_python_warnings_become_lines(page: Page) -> None:
    page.configure()
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        logging.captureWarnings(False)
        logging.captureWarnings(True)
        warnings.warn("something is old", DeprecationWarning, stacklevel=1)
    assert "something is old" in page.last()["event"]


def test_card_data_is_masked_whatever_brings_it(page: Page) -> None:
    log = page.configure()
    try:
        raise ValueError(f"bad card {PAN}")
    except ValueError:
        log.exception(
            f"refused {PAN}",
            text=f"x{PAN}x",
            number=int(PAN),
            pan=Pan(PAN),
            secret=Secret("1234"),
            many=[PAN, int(PAN)],
            raw=PAN.encode(),
        )
    text = page.stream.getvalue()
    assert PAN not in text
    assert "1234" not in text
    line = page.last()
    assert line["number"] == "453957******1486"
    assert line["many"] == ["453957******1486"] * 2
    assert "ValueError: bad card 453957******1486" in line["traceback"]


def test_text_format_masks_too(page: Page) -> None:
    page.configure(format="text").info("refused", text=PAN)
    assert PAN not in page.stream.getvalue()
    assert "453957******1486" in page.stream.getvalue()


def test_text_format_reads_well(page: Page) -> None:
    page.configure(format="text").warning("link closed", listener="atm", reason="half a frame", empty="")
    assert page.lines()[0][12:] == " warning test: link closed listener=atm reason='half a frame' empty=''"


@pytest.mark.parametrize("format", ["json", "text"])
def test_a_peer_cannot_forge_a_line_or_reach_the_terminal(page: Page, format: str) -> None:
    page.configure(format=format).info("refused", detail="x\n<0>forged\x1b[2J\r", **{"event\x07": "1"})
    assert len(page.lines()) == 1
    assert "\x1b" not in page.stream.getvalue()


def test_fields_never_take_the_place_of_our_own_members(page: Page) -> None:
    page.configure().info("happened", level="fatal", at=1, source="elsewhere")
    assert page.last()["level"] == "info"
    assert page.last()["field_level"] == "fatal"
    assert page.last()["source"] == "test"


def test_long_values_are_cut_after_masking(page: Page) -> None:
    log = page.configure()
    log.info("long", text="x" * (VALUE_CHARS_MAX - 8) + PAN + "y" * 1_000_000, exactly="z" * VALUE_CHARS_MAX)
    line = page.last()
    assert line["exactly"] == "z" * VALUE_CHARS_MAX
    assert line["text"].startswith("x" * (VALUE_CHARS_MAX - 8) + "453957**")
    assert line["text"].endswith("... (1002008 characters)")
    assert len(page.lines()[0]) < 3 * VALUE_CHARS_MAX


class Colour(Enum):
    RED = "red"


@given(value=st.one_of(st.text(), st.binary(), st.floats(), st.integers(), st.lists(st.text()), st.just(Colour.RED)))
def test_every_value_makes_a_line_of_json(value: object) -> None:
    stream = io.StringIO()
    record = logging.LogRecord("relay.test", logging.INFO, "", 0, "event", None, None)
    record.fields = {"value": value}
    log_module.LineHandler("json", stream, lambda: 0).emit(record)
    (line,) = stream.getvalue().split("\n")[:-1]
    assert "value" in json.loads(line[3:])


def test_identical_lines_are_limited_and_counted(page: Page) -> None:
    log = page.configure()
    for _ in range(LINES_PER_WINDOW_MAX + 25):
        log.warning("frame refused")
    log.warning("something else")
    assert len(page.lines()) == LINES_PER_WINDOW_MAX + 1
    page.now_ms += WINDOW_MS
    log.warning("frame refused")
    assert page.last()["suppressed"] == 25
    log.warning("frame refused")
    assert "suppressed" not in page.last()


def test_the_limit_at_its_edge() -> None:
    limit = RateLimit(lines_max=2, window_ms=100)
    event = ("a", 20, "e")
    assert [limit.admit(event, at) for at in (0, 1, 2, 99, 100)] == [0, 0, None, None, 2]


def test_the_table_of_events_is_bounded() -> None:
    limit = RateLimit(lines_max=1)
    for number in range(EVENTS_COUNT_MAX + 500):
        assert limit.admit(("source", 20, f"event {number}"), 0) == 0
    assert len(limit) == EVENTS_COUNT_MAX


def test_a_closed_stream_stops_nobody(page: Page) -> None:
    log = page.configure()
    page.stream.close()
    log.error("nobody hears this")
    page.stream = io.StringIO()
