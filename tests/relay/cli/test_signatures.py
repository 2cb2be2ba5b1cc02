"""What one of two has signed: the line that the second types is taken, and a script tells half of a decision from all of it."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from relay.cli.registry import build_parser
from relay.cli.signatures import EXIT_HALF, line_of, lone_lines
from relay.control.report import Done, StatusReport
from relay.control.twosigning import half
from relay.errors import RelayError
from relay.failover.cosign import LoneRow
from relay.failover.view import RunView
from relay.main import main
from tests.support.controlroom import answering

SIGNED = ["--who", "Sato", "--second", "Suzuki", "--why", "power is gone"]
TYPED = {
    "failover-step": ["failover", "step", "waived", "seal-tokyo"],
    "failover-say": ["failover", "say", "accept-loss"],
    "failover-run": ["failover", "adopt"],
    "failover-lay-aside": ["failover", "lay-aside", "r0", "--seen", "3f9ac1d27be0"],
    "region-pin": ["region", "pin", "osaka"],
    "lease-take": ["lease", "take", "zengin"],
    "takeover-begin": ["takeover", "begin", "osaka"],
    "takeover-finish": ["takeover", "finish"],
}


def lone(*what: str, who: str = "Sato", second: str = "Suzuki", place: str = "host") -> LoneRow:
    return LoneRow(what=what, who=who, second=second, text="power is gone", left_ms=1, place=place)


@pytest.mark.parametrize(
    ("what", "expected"),
    [
        (("step", "r1", "seal-tokyo", "waived", "False"), "relay failover step waived seal-tokyo"),
        (("step", "r1", "stop-copy", "by-hand", "True"), "relay failover step by-hand stop-copy --undo"),
        (("say", "r1", "accept-loss"), "relay failover say accept-loss"),
        (("adopt", "r1"), "relay failover adopt"),
        (("lay-aside", "r0", "3f9ac1d27be0"), "relay failover lay-aside r0 --seen 3f9ac1d27be0"),
        (("pin", "osaka", "9", "90"), "relay region pin osaka --epoch 9 --hours 1.5"),
        (("take", "zengin", "False"), "relay lease take zengin"),
        (("take", "zengin", "True"), "relay lease take zengin --by-hand"),
        (("takeover", "osaka"), "relay takeover begin osaka"),
        (("give-back", "osaka"), "relay takeover finish"),
    ],
)
def test_the_second_types_the_same_the_other_way_round(what: tuple[str, ...], expected: str) -> None:
    line = line_of(lone(*what))
    assert line == f"{expected} --who Suzuki --second Sato --why REASON"
    words = line.split()[1:]
    args = build_parser([words[0]]).parse_args(words)
    assert (args.who, args.second) == ("Suzuki", "Sato")


@pytest.mark.parametrize("minutes", [1, 59, 61, 90, 4_319])
def test_a_pin_is_signed_for_the_same_minutes(minutes: int) -> None:
    words = line_of(lone("pin", "osaka", "9", str(minutes))).split()[1:]
    assert round(build_parser(["region"]).parse_args(words).hours * 60) == minutes


def test_a_name_of_two_words_is_one_and_obeys_nobody() -> None:
    assert "--who 'Suzuki Ichiro' --second 'Sa?to'" in line_of(lone("adopt", "r1", who="Sa\x1bto", second="Suzuki Ichiro"))
    page = "\n".join(lone_lines([lone("adopt", "r1", who="Sa\x1bto")]))
    assert "\x1b" not in page


def test_what_was_signed_at_the_console_is_signed_second_there() -> None:
    page = "\n".join(lone_lines([lone("takeover", "osaka", place="console")]))
    assert "Suzuki signs the same at the console" in page
    assert "--who" not in page


@pytest.mark.parametrize("command", TYPED)
def test_half_of_a_decision_ends_with_another_code_than_all_of_it(
    command: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    answers = {"failover-status": RunView(run="r1"), command: half("Sato", "Suzuki")}
    with answering(tmp_path, {**answers}) as daemon:
        head, *rest = TYPED[command]
        typed = [head, "--socket", daemon.path, *rest, *SIGNED]
        assert main(typed) == EXIT_HALF == 5
        assert capsys.readouterr().out.startswith("NOT YET")
        daemon.answers[command] = Done("done")
        assert main(typed) == 0
        daemon.answers[command] = RelayError("no.", "")
        assert main(typed) == 1


def test_the_failover_page_shows_what_waits_at_the_relay(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "relay").mkdir()
    waits = StatusReport(signatures=(lone("takeover", "osaka"),))
    with (
        answering(tmp_path, {"failover-status": RunView(center="tokyo")}) as orchestrator,
        answering(tmp_path / "relay", {"status": waits}) as relay,
    ):
        monkeypatch.setenv("RELAY_SOCKET", relay.path)
        assert main(["failover", "--socket", orchestrator.path, "status"]) == 0
        assert "relay takeover begin osaka --who Suzuki" in capsys.readouterr().out
        monkeypatch.setenv("RELAY_SOCKET", str(tmp_path / "nobody"))
        assert main(["failover", "--socket", orchestrator.path, "status"]) == 0, "a relay that is away keeps no page"
        assert "takeover" not in capsys.readouterr().out


def test_the_status_of_a_relay_says_it(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with answering(tmp_path, {"status": StatusReport(signatures=(lone("take", "zengin", "True"),))}) as daemon:
        main(["status", "--socket", daemon.path])
        assert "relay lease take zengin --by-hand --who Suzuki --second Sato" in capsys.readouterr().out
        main(["status", "--socket", daemon.path, "--json"])
        assert msgspec.json.decode(capsys.readouterr().out, type=StatusReport).signatures[0].second == "Suzuki"


def test_which_codes_there_are_stands_in_the_help(capsys: pytest.CaptureFixture[str]) -> None:
    for words in TYPED.values():
        with pytest.raises(SystemExit):
            build_parser([words[0]]).parse_args([*words[: 3 if words[1] == "step" else 2], "--help"])
        assert "5 signed by one of two" in " ".join(capsys.readouterr().out.split()), words
