"""`relay demo` as a newcomer runs it: lines, Ctrl-C, the check; and as a script does: one object."""

from __future__ import annotations

import json
import signal
import subprocess
import sys

import pytest

from relay.cli.demo import COLUMNS, line
from relay.cli.screen import Paint
from relay.loopback.load import Moment

COMMAND = [sys.executable, "-m", "relay", "demo"]


@pytest.mark.timeout(180)
def test_a_script_gets_one_object_and_nothing_else_on_standard_output() -> None:
    words = ["--seconds", "3", "--calm", "--terminals", "5", "--json"]
    done = subprocess.run([*COMMAND, *words], capture_output=True, text=True, timeout=150, check=False)
    assert done.returncode == 0, done.stderr
    report = json.loads(done.stdout)
    for name in ("requests", "answered", "reversed", "listed", "lost", "doubled", "throughput_per_s", "latency_ms"):
        assert name in report
    assert report["requests"] > 0
    assert report["lost"] == report["doubled"] == 0
    assert "conservation: the ledger equals the terminals' books." in done.stderr


@pytest.mark.timeout(180)
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
            assert demo.wait(timeout=120) == 0, "".join(seen) + rest
        finally:
            demo.kill()
    assert "relay status --socket" in "".join(seen)
    assert "draining" in rest
    assert "conservation: the ledger equals the terminals' books." in rest


def test_a_second_is_aligned_with_its_header() -> None:
    moment = Moment(
        elapsed_s=7.2,
        requests=12345,
        approved=11111,
        declined=222,
        refused=33,
        doubted=4,
        timed_out=5,
        reversals=6,
        duplicates=0,
        in_flight=789,
        signed_on=500,
        p50_ms=1.23,
        p99_ms=123.4,
        answered_total=0,
        zones_up=3,
    )
    text = line(moment, Paint(False))
    assert len(text) == len(COLUMNS)
    for name, value in (("asked", "12345"), ("declined", "222"), ("no reply", "5"), ("p99 ms", "123.4"), ("zones", "3")):
        assert text[: COLUMNS.index(name) + len(name)].endswith(value), name
    assert "\x1b[31m" in line(moment, Paint(True))


@pytest.mark.parametrize("words", [["--seconds", "0"], ["--seconds", "x"], ["--terminals", "0"], ["--terminals", "5001"]])
def test_limits_of_the_command_line(words: list[str]) -> None:
    done = subprocess.run([*COMMAND, *words], capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stdout) == (2, "")
