"""`relay demo` as a newcomer runs it: lines, Ctrl-C, the check; and as a script does: one object."""

from __future__ import annotations

import io
import json
import signal
import subprocess
import sys

import pytest

from relay.cli.demo import COLUMNS, Screen, block
from relay.cli.screen import Paint
from relay.loopback.moments import Line, Moment

COMMAND = [sys.executable, "-m", "relay", "demo"]


@pytest.mark.timeout(400)
def test_a_script_gets_one_object_and_nothing_else_on_standard_output() -> None:
    words = ["--seconds", "3", "--calm", "--terminals", "5", "--json"]
    done = subprocess.run([*COMMAND, *words], capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr
    report = json.loads(done.stdout)
    for name in ("requests", "answered", "reversed", "listed", "lost", "doubled", "throughput_per_s", "latency_ms"):
        assert name in report
    assert report["requests"] > 0
    assert report["lost"] == report["doubled"] == 0
    assert set(report["dialects"]) == {"iso8583", "ndc", "branch-p1", "zrc", "zengin-file"}
    assert "conservation: the ledger equals the terminals' books, in all 5 dialects." in done.stderr


@pytest.mark.timeout(400)
def test_ctrl_c_drains_and_prints_the_check() -> None:
    with subprocess.Popen([*COMMAND, "--calm"], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as demo:
        try:
            assert demo.stdout is not None
            seen = []
            for text in demo.stdout:
                seen.append(text)
                if text == COLUMNS + "\n":
                    demo.send_signal(signal.SIGINT)
                    break
            rest = demo.stdout.read()
            assert demo.wait(timeout=300) == 0, "".join(seen) + rest
        finally:
            demo.kill()
    assert "relay status --socket" in "".join(seen)
    assert "draining" in rest
    assert "conservation: the ledger equals the terminals' books, in all 5 dialects." in rest


def moment(*lines: Line) -> Moment:
    return Moment(
        elapsed_s=7.2,
        requests=0,
        approved=0,
        declined=0,
        refused=0,
        doubted=0,
        timed_out=0,
        reversals=0,
        duplicates=0,
        in_flight=0,
        signed_on=0,
        p50_ms=0,
        p99_ms=0,
        answered_total=0,
        zones_up=3,
        lines=lines,
    )


def line(name: str = "zengin-file", present: int = 1) -> Line:
    return Line(
        name=name,
        peers="terminals",
        present=present,
        expected=200,
        requests=12345,
        approved=11111,
        declined=222,
        refused=33,
        doubted=4,
        timed_out=5,
        in_flight=789,
        p50_ms=1.23,
        p99_ms=123.4,
        told=12,
    )


def test_each_dialect_has_a_line_aligned_with_the_header() -> None:
    first, second = block(moment(line(), line("ndc")), Paint(False))
    assert len(first) == len(COLUMNS)
    for name, value in (("asked", "12345"), ("declined", "222"), ("no reply", "5"), ("p99 ms", "123.4"), ("told", "12")):
        for row in (first, second):
            assert row[: COLUMNS.index(name) + len(name)].endswith(value), name
    assert first.endswith("3")
    assert second.startswith("        ndc ")
    assert "\x1b[31m" in block(moment(line()), Paint(True))[0]


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_a_screen_is_drawn_over_and_sentences_stay_above(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm")
    out = Terminal()
    screen = Screen(out)
    screen.second(moment(line(), line("ndc")))
    first = out.getvalue()
    screen.say("one zone is lost")
    more = out.getvalue()[len(first) :]
    assert more.startswith("\x1b[3A"), "back over the header and two lines"
    assert more.index("one zone") < more.index("asked")
    screen.second(moment(line()))
    assert out.getvalue().count("\x1b[3A") == 2


def test_a_pipe_gets_lines_that_stay() -> None:
    out = io.StringIO()
    screen = Screen(out)
    for _ in range(4):
        screen.second(moment(line(), line("ndc")))
    screen.say("one zone is lost")
    assert "\x1b" not in out.getvalue()
    assert out.getvalue().count("ndc") == 4
    assert out.getvalue().count("asked") == 1


@pytest.mark.parametrize(
    "words", [["--seconds", "0"], ["--seconds", "x"], ["--terminals", "0"], ["--terminals", "5001"], ["--dialects", "x=1"]]
)
def test_limits_of_the_command_line(words: list[str]) -> None:
    done = subprocess.run([*COMMAND, *words], capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stdout) == (2, "")
