"""The options of `relay load`, and its progress bar."""

from __future__ import annotations

import argparse
import io
import json
import subprocess
import sys

import pytest

from relay.cli import load
from relay.errors import ConfigurationError
from relay.loopback.moments import Moment

ELSEWHERE = ["--target", "h:1", "--ledger", "http://c", "--dialects"]


def parse(*words: str) -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    load.configure(parser)
    return parser.parse_args(list(words))


def moment(elapsed_s: float) -> Moment:
    return Moment(
        elapsed_s=elapsed_s,
        requests=1_000,
        approved=990,
        declined=10,
        refused=0,
        doubted=0,
        timed_out=0,
        reversals=0,
        duplicates=0,
        in_flight=5,
        signed_on=500,
        p50_ms=1.0,
        p99_ms=2.0,
        answered_total=1_000,
    )


def test_the_defaults_are_the_issues_load() -> None:
    args = parse()
    assert (args.terminals, args.rate, args.duration, args.closed_loop, args.faults) == (500, 1_000.0, 60.0, False, False)
    assert args.mix["withdrawal"] > args.mix["deposit"]
    assert args.dialects is None, "all of them"
    assert parse("--dialects", "iso8583").dialects == {"iso8583": 1.0}


@pytest.mark.parametrize(
    "words",
    [
        ["--terminals", "0"],
        ["--terminals", "100000"],
        ["--rate", "-1"],
        ["--mix", "lottery=1"],
        ["--dialects", "iso8583=80,morse=1"],
        ["--outbound", "x"],
        ["--kill-daemon", "21"],
        ["--duration", "x"],
    ],
)
def test_limits(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        parse(*words)
    assert words[0] in capsys.readouterr().err


@pytest.mark.parametrize(
    "words",
    [
        ["--target", "host:1"],
        ["--target", "host", "--ledger", "http://c"],
        ["--target", "h:0", "--ledger", "x"],
        [*ELSEWHERE, "ndc"],
    ],
)
def test_a_target_needs_a_port_and_a_ledger(words: list[str]) -> None:
    with pytest.raises(ConfigurationError):
        load.run(parse(*words))


def test_no_bar_into_a_pipe_but_sentences() -> None:
    out = io.StringIO()
    bar = load.Bar(out, 60)
    bar.second(moment(3))
    bar.say("one zone is lost")
    bar.clear()
    assert out.getvalue() == ">> one zone is lost\n"


def test_the_bar_on_a_terminal() -> None:
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    out = Terminal()
    load.Bar(out, 60).second(moment(30))
    assert out.getvalue().startswith("\r[##############..............]   30/60 s   1000/s asked")


@pytest.mark.timeout(400)
def test_the_process_ends_with_one_object_and_figures_for_each_dialect() -> None:
    words = [
        "--dialects",
        "iso8583=60,zrc=40",
        "--terminals",
        "5",
        "--rate",
        "20",
        "--duration",
        "4",
        "--outbound",
        "5",
        "--json",
    ]
    command = [sys.executable, "-m", "relay", "load", *words]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr
    report = json.loads(done.stdout)
    assert list(report["dialects"]) == ["iso8583", "zrc"]
    assert report["requests"] == sum(own["requests"] for own in report["dialects"].values()) > 0
    assert report["lost"] == report["doubled"] == report["outbound_lost"] == report["outbound_doubled"] == 0
    assert report["dialects"]["zrc"]["books"]["telegrams_in"] > 0
    assert report["outbound"]["acknowledged"] > 0
