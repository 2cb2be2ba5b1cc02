"""`relay pair status` is one page: what it means, the way of the calls, the peer, paths and sights."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from relay.cli.screen import Paint
from relay.cli.status import show
from relay.control.acks import AckRow, AcksReport
from relay.control.pair import PairPathRow, PairPeer, PairReport, PairSightRow
from relay.control.report import StatusReport
from relay.main import main
from tests.support.controlroom import answering

REPORT = PairReport(
    peer="osaka",
    finding="cross-connect-lost",
    since_ms=61_000,
    way="through-peer",
    uses_peer=True,
    serves_peer=True,
    return_after_ms=20_000,
    tunnels=3,
    forwarded=1,
    paths=(PairPathRow(name="link", own="10.30.0.11", peer="10.30.0.12", state="one-way", trouble="Network is down \x1b[31m"),),
    sights=(
        PairSightRow(name="tokyo", ours="failing", peers="ok", is_active=True),
        PairSightRow(name="10.0.0.53:53", kind="server", ours="ok"),
    ),
    other=PairPeer(
        age_ms=400,
        version=1,
        software="1.2",
        incarnation=7,
        role="standby",
        epoch=8,
        region="tokyo",
        sealed_epoch=7,
        is_through_peer=True,
        serves_peer=True,
        standby="failing",
        skew_ms=1_500,
    ),
    skew_ms_max=2_000,
)


def page(tmp_path: Path, report: PairReport, capsys: pytest.CaptureFixture[str], *more: str) -> tuple[int, str]:
    with answering(tmp_path, {"status": StatusReport(pair=report)}) as daemon:
        code = main(["pair", "--socket", daemon.path, "status", *more])
    return code, capsys.readouterr().out


def test_the_page(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, text = page(tmp_path, REPORT, capsys)
    assert code == 2
    for expected in (
        "cross-connect-lost",
        "we cannot reach the active region, and the other center can",
        "runbook: RelayPairCrossConnectLost",
        "core calls go THROUGH osaka, 3 connections",
        "1 connections forwarded for the peer",
        "relay 1.2, incarnation 7, role standby, tokyo under epoch 8, may not ask it, epoch 7 sealed",
        "its core calls go through us, forwards our calls, its journal's standby failing, clock +1.5 s",
        "one-way",
        "active region",
        "name server",
    ):
        assert expected in text, expected
    assert "\x1b" not in text


ACKS = AcksReport(
    standby="osaka",
    peer="away",
    since_ms=65_000,
    why="no standby called osaka follows",
    held=3,
    classes=(
        AckRow(name="advice", needs=("local+peer", "core"), holds="core", since_ms=65_000),
        AckRow(name="outward", needs=("local+peer",), since_ms=65_000),
    ),
)


def test_what_acknowledgements_need_now_and_since_when(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, text = page(tmp_path, PairReport(peer="osaka", finding="normal", acks=ACKS), capsys)
    assert code == 2
    for expected in (
        "nothing of this class is acknowledged: outward  → runbook: RelayAckRefused",
        "acknowledged are advice by core  → runbook: RelayAckFallback",
        "copy    our journal's standby osaka: away for 65 s: no standby called osaka follows",
        "3 advices are taken and not acknowledged",
    ):
        assert expected in text, (expected, text)
    rows = {line.split()[0]: line.split() for line in text.splitlines() if line[:1].isalpha()}
    assert rows["advice"] == ["advice", "core", "65", "s", "local+peer,", "core"]
    assert rows["outward"][:2] == ["outward", "REFUSED"]
    code, text = page(tmp_path, PairReport(acks=AcksReport(classes=ACKS.classes[:1])), capsys)
    assert code == 0
    assert "local+peer, core" in text, "also where no other center is configured"


def test_json_is_the_whole_report(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    _, text = page(tmp_path, REPORT, capsys, "--json")
    assert msgspec.json.decode(text, type=PairReport) == REPORT


def test_no_pair_a_peer_never_heard_and_a_direct_way(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert page(tmp_path, PairReport(), capsys) == (0, "no other center is configured: see pair.peer\n")
    code, text = page(tmp_path, PairReport(peer="osaka", other=PairPeer(version=2)), capsys)
    assert code == 0
    assert "never heard in our version; it speaks version 2" in text
    assert "use_peer is off" in text
    assert "through the peer while only we are cut off" in page(tmp_path, PairReport(peer="osaka", uses_peer=True), capsys)[1]


def test_the_status_of_the_relay_has_one_line_of_it_and_what_is_wrong() -> None:
    lines = show(StatusReport(state="serving", pair=REPORT), Paint(False))
    (line,) = [line for line in lines if line.startswith("pair")]
    assert "osaka: cross-connect-lost; heard 400 ms ago; link one-way; core calls through-peer" in line
    assert any("runbook: RelayPairCrossConnectLost" in line for line in lines)
    assert not any(line.startswith("pair") for line in show(StatusReport(state="serving"), Paint(False)))
