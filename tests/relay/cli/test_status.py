"""The page that somebody reads at three in the morning: the first line answers, what is wrong comes next, then the rest."""

from __future__ import annotations

import json
from pathlib import Path

import msgspec
import pytest

from relay.cli.screen import Paint
from relay.cli.status import EXIT_DEGRADED, EXIT_SERVING, exit_code, show
from relay.control.report import (
    AddressReport,
    CoreReport,
    JournalReport,
    KeyRow,
    KeysReport,
    ListenerReport,
    OutboundReport,
    ReconnectReport,
    RegionReport,
    StatusReport,
)
from relay.main import main
from relay.standing import Standing
from tests.support.controlroom import Answering, answering

SERVING = StatusReport(
    version="0.1.0",
    center="tokyo",
    incarnation=7,
    pid=42,
    config_path="/etc/relay/relay.toml",
    uptime_ms=3_600_000 * 50,
    state="serving",
    region=RegionReport(region="tokyo", epoch=12, has_permit=True),
    listeners=(ListenerReport(name="atm", endpoint="tcp:8583", dialect="iso8583", links=12_034, signed_on=12_030),),
    core=CoreReport(
        name="core.bank.internal",
        addresses=tuple(AddressReport(address=f"10.20.{n}.1:443", health="healthy", inflight=n) for n in range(8)),
        inflight=12,
        inflight_target=64,
        queue_max=2_000,
        dns_answer_age_ms=8_000,
    ),
    journal=JournalReport(path="/var/lib/relay/journal.sqlite", size_bytes=3_000_000),
    exchanges={"recorded": 12},
    counters={"approve": 1_200_000, "refused": 2, "refusals": 5},
)
PLAIN = Paint(False)


def page(report: StatusReport) -> str:
    return "\n".join(show(report, PLAIN))


def test_a_relay_that_serves_says_so_first_and_fits_on_a_screen() -> None:
    lines = show(SERVING, PLAIN)
    assert lines[0] == "SERVING   relay center tokyo, region tokyo epoch 12, up 2 d 2 h"
    assert lines[1] == ""
    assert len(lines) <= 24
    text = "\n".join(lines)
    for part in ("12,034", "12,030", "12 of 64 in flight", "and 2 more", "DNS answer 8 s old", "2.9 MiB"):
        assert part in text, part
    assert "1,200,000 approved, 2 refused at the door, 5 refused in all" in text
    assert exit_code(SERVING) == EXIT_SERVING


def test_hours_of_service_take_a_line_only_where_there_are_some() -> None:
    assert "hours" not in page(SERVING)
    rows = (
        Standing(name="atm", is_open=False, changes_ms=1, changes_at="2026-11-28 07:00"),
        Standing(name="convenience", is_line=True),
        Standing(name="branch", is_open=False),
        Standing(name="inquiry", changes_ms=1, changes_at="2026-11-27 24:00"),
    )
    told = page(msgspec.structs.replace(SERVING, hours=rows)).splitlines()
    assert (
        "hours   atm closed until 2026-11-28 07:00; line convenience open always; branch closed, and never opens; "
        "inquiry open until 2026-11-27 24:00"
    ) in told
    assert told[0].startswith("SERVING "), "a closed bank is no problem"


def returning(**changes: object) -> str:
    back = ReconnectReport(present=7_412, expected=19_500, per_s=498.2, left_ms=24_260, accept_per_s=500)
    return page(msgspec.structs.replace(SERVING, reconnect=msgspec.structs.replace(back, **changes)))


def test_a_fleet_on_its_way_back_is_told_with_the_time_it_still_takes() -> None:
    assert "* 7,412 of 19,500 expected sessions (38 %), 498.2 per second: all in about 24 s" in returning()
    assert "nobody comes at present" in returning(per_s=0.0, left_ms=None)
    assert "expected sessions" not in returning(present=19_110), "a few are always away"
    assert exit_code(msgspec.structs.replace(SERVING, reconnect=ReconnectReport(expected=9))) == EXIT_SERVING


def test_what_holds_a_fleet_up_is_told() -> None:
    text = returning(ramp_percent=25, accept_per_s=125, ramp_left_ms=9_000, waiting=250, events_waiting=12)
    assert "lets in 125 links per second (25 %) since the last start or take-over; all of it in 9 s" in text
    assert "250 connections wait at the door, 12 events to be told to the core" in text
    yielding = returning(gives_way=True, accept_per_s=125)
    assert "lets in 125 links per second only, because messages wait for the core" in yielding
    held = returning(ramp_percent=25, accept_per_s=125, ramp_held_steps=3, ramp_p99_ms=750)
    assert "held for 3 steps" in held
    assert "RelayRampHeld" in held


def test_a_listener_shows_how_many_are_expected() -> None:
    atm = ListenerReport(name="atm", links=90, signed_on=88, expected=1_000)
    assert "88 of 1,000" in page(msgspec.structs.replace(SERVING, listeners=(atm,)))


def test_what_is_wrong_stands_right_below_with_where_to_look() -> None:
    report = msgspec.structs.replace(
        SERVING,
        region=RegionReport(region="tokyo", epoch=12, detail="blocked for a failover"),
        owed=3,
        owed_oldest_ms=900_000,
        listed=2,
        listeners=(*SERVING.listeners, ListenerReport(name="switch", is_dialer=True, is_open=False)),
    )
    lines = show(report, PLAIN)
    assert lines[0].startswith("SERVING, with 3 problems")
    assert "may not be asked: blocked for a failover" in lines[1]
    assert "switch is not connected" in lines[2]
    assert "dial failed" in lines[2]
    assert "oldest for 15 minutes" in lines[3]
    assert lines[4] == "  * 2 exchanges wait for a person: relay saf list --listed"
    assert exit_code(report) == EXIT_DEGRADED


@pytest.mark.parametrize("state", ["starting", "draining", "fenced"])
def test_every_other_state_is_named_in_the_first_word_and_in_the_exit_code(state: str) -> None:
    report = msgspec.convert({**msgspec.to_builtins(SERVING), "state": state}, StatusReport)
    assert page(report).startswith(state.upper())
    assert exit_code(report) == EXIT_DEGRADED


def test_waiting_for_a_person_alone_is_no_degradation() -> None:
    assert exit_code(msgspec.structs.replace(SERVING, listed=5)) == EXIT_SERVING


def test_a_relay_that_just_began_has_a_page_too() -> None:
    assert page(StatusReport()).startswith("STARTING")
    assert "DNS never answered" in page(StatusReport())


def test_an_address_in_place_of_a_name_is_not_called_a_silent_dns() -> None:
    core = CoreReport(addresses=(AddressReport(address="127.0.0.1:443", health="healthy"),))
    assert "an address, no DNS needed" in page(StatusReport(core=core))


def test_a_dead_core_is_a_problem_in_the_first_line_and_in_the_exit_code() -> None:
    report = msgspec.structs.replace(
        SERVING,
        region=msgspec.structs.replace(SERVING.region, silent_ms=75_000),
        core=CoreReport(name="core", addresses=(AddressReport(address="10.20.0.1:443", health="failing", failures=1_204),)),
    )
    lines = show(report, PLAIN)
    assert lines[0].startswith("SERVING, with one problem")
    assert "the core has not answered for 75 s" in lines[1]
    assert "no answer for 75 s" in page(report)
    assert "failing (1,204 failures in a row)" in page(report)
    assert exit_code(report) == EXIT_DEGRADED


def test_the_command_talks_to_the_daemon_and_exits_by_what_it_says(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with answering(tmp_path, {"status": SERVING}) as daemon:
        assert main(["status", "--socket", daemon.path]) == EXIT_SERVING
        assert capsys.readouterr().out.startswith("SERVING")
        assert main(["status", "--socket", daemon.path, "--json"]) == EXIT_SERVING
        assert json.loads(capsys.readouterr().out)["listeners"][0]["links"] == 12_034
        daemon.answers["status"] = StatusReport(state="fenced", why="fsync failed")
        assert main(["status", "--socket", daemon.path]) == EXIT_DEGRADED
        assert "fsync failed" in capsys.readouterr().out


def test_the_socket_comes_from_a_configuration_too(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with answering(tmp_path, {"status": SERVING}) as daemon:
        config = tmp_path / "relay.toml"
        config.write_text(f'[core]\nname = "localhost"\n[control]\npath = "{daemon.path}"\n')
        assert main(["status", "--config", str(config)]) == EXIT_SERVING
    assert capsys.readouterr().out.startswith("SERVING")


def test_no_relay_is_exit_code_one_and_a_sentence(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["status", "--socket", str(tmp_path / "none.sock")]) == 1
    assert "the relay is not running" in capsys.readouterr().err


def test_watching_goes_on_while_the_relay_is_restarted(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    with answering(tmp_path, {"status": SERVING}) as daemon:
        looks = Looks(daemon)
        monkeypatch.setattr("relay.cli.status.pause", looks)
        assert main(["status", "--socket", daemon.path, "--watch"]) == 130
    out = capsys.readouterr().out
    assert out.startswith("SERVING")
    assert "NOT REACHABLE" in out


class Looks:
    """Stands where the tool pauses between two looks: stops the daemon after the first, the tool after the second."""

    def __init__(self, daemon: Answering) -> None:
        self.daemon = daemon
        self.count = 0

    def __call__(self) -> None:
        self.count += 1
        if self.count == 2:
            raise KeyboardInterrupt
        self.daemon.stop()


def test_messages_of_the_core_take_a_line_only_where_there_may_be_some() -> None:
    assert "outbound" not in page(SERVING)
    served = msgspec.structs.replace(
        SERVING, outbound=OutboundReport(endpoint="tcp:9443", queued=1_200, oldest_queued_ms=5_000)
    )
    assert "outbound 1,200 queued, the oldest for 5 s, 0 under way, 0 unknown, 0 reports owed  tcp:9443" in page(served)
    assert exit_code(served) == EXIT_SERVING
    left = msgspec.structs.replace(SERVING, outbound=OutboundReport(unknown=1))
    assert "1 unknown, 0 reports owed  not served" in page(left)
    assert exit_code(left) == EXIT_DEGRADED


def test_a_change_of_keys_is_a_note_until_its_walk_fails() -> None:
    keys = (KeyRow("aaaaaaaa", "new", True, True), KeyRow("bbbbbbbb", "old", False, True))
    report = msgspec.structs.replace(SERVING, keys=KeysReport(keys=keys, is_walking=True, rekeyed=1_200, left=34))
    assert "sealed anew under key aaaaaaaa: 1,200 sealed, at most 34 exchanges to look at" in page(report)
    assert exit_code(report) == EXIT_SERVING
    failed = msgspec.structs.replace(SERVING, keys=KeysReport(keys=keys, why="a row does not decrypt"))
    assert "RelayJournalRekeyFailed" in page(failed)
    assert exit_code(failed) == EXIT_DEGRADED


def test_a_credential_that_may_go_is_named() -> None:
    rows = (
        KeyRow("aaaaaaaa", "new", True, True),
        KeyRow("bbbbbbbb", "old", False, False),
        KeyRow("cccccccc", "", False, False),  # of long ago, in no configuration
        KeyRow("dddddddd", "next", False, False, is_next=True),
    )
    text = page(msgspec.structs.replace(SERVING, keys=KeysReport(keys=rows)))
    assert "credential old may be taken out: no row needs its key bbbbbbbb" in text
    assert "cccccccc" not in text
    assert "dddddddd" not in text
