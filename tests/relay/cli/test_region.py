"""What is typed about a region arrives signed, the status is one page, and the record made for the zone can be read."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from relay.control import regions as c
from relay.control.report import Done
from relay.main import main
from relay.region.record import RegionRecord, parse_record
from tests.support.controlroom import answering

KEY = bytes(range(32))
SIGNED = ["--who", "Sato", "--why", "drill"]
REPORT = c.RegionsReport(
    source="dns",
    region="osaka",
    epoch=9,
    run="run-9",
    has_permit=True,
    sealed_epoch=8,
    blocked=("atm",),
    pinned="at osaka, epoch 9",
    frozen="epoch 9 is named for osaka and for tokyo",
    candidate="tokyo under epoch 10 (run x)",
    is_stale=True,
    unconfirmed_ms=61_000,
    servers=(c.ServerRow(server="10.0.0.53:53", result="bad-mac"),),
    sites=(
        c.SiteRow(name="osaka", addresses=("10.2.0.1",), result="good", said_epoch=9, said_state="serving", since_ms=5_000),
        c.SiteRow(name="tokyo", address_name="tyo.core.example"),
    ),
    deeds=(c.DeedRow(at_ms=1_795_485_059_000, what="pin osaka", who="Sato", second="Suzuki", why="drill \x1b[31m"),),
)


@pytest.fixture
def config(tmp_path: Path) -> str:
    (tmp_path / "region-mac").write_text(KEY.hex())
    (tmp_path / "region-mac").chmod(0o600)
    path = tmp_path / "relay.toml"
    path.write_text(
        f"""
[relay]
credentials_directory = "{tmp_path}"
[core]
name = "127.0.0.1"
[region]
source = "dns"
record_name = "_active.core.example"
alias_name = "active.core.example"
regions = ["tokyo=tyo.core.example", "osaka=osa.core.example"]
name_servers = ["10.0.0.53:53", "10.0.1.53:53"]
mac_credentials = ["region-mac"]
[[listener]]
name = "atm"
"""
    )
    return str(path)


def test_the_status_is_one_page_and_says_everything_that_is_wrong(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with answering(tmp_path, {"region-status": REPORT}) as daemon:
        assert main(["region", "--socket", daemon.path, "status"]) == 0
        page = capsys.readouterr().out
        assert main(["region", "--socket", daemon.path, "status", "--json"]) == 0
        assert msgspec.json.decode(capsys.readouterr().out, type=c.RegionsReport) == REPORT
    for expected in (
        "osaka under epoch 9, may be asked",
        "DNS, run run-9",
        "sealed  epoch 8 and below",
        "blocked atm",
        "pinned  at osaka, epoch 9",
        "FROZEN  epoch 9 is named for osaka and for tokyo",
        "named   tokyo under epoch 10 (run x)",
        "STALE",
        "bad-mac",
        "none of tyo.core.example",
        "pin osaka, by Sato and Suzuki: drill",
    ):
        assert expected in page
    assert "\x1b" not in page


@pytest.mark.parametrize(
    ("tail", "said"),
    [
        (c.TailRow(epoch=9, began_ms=1, is_finished=False, evidence="a lag of 5 ms, assumed"), "NOT REPLAYED YET; 0 asked"),
        (
            c.TailRow(
                epoch=9, since_ms=5, left=7, asked=3_000, missing=2, mended=1, listed=1, is_finished=False, trouble="away"
            ),
            "NOT REPLAYED YET, 7 rows left; 3,000 asked, 2 missing, 1 mended, 1 for a person",
        ),
        (c.TailRow(epoch=9, since_ms=5, finished_ms=1_795_485_059_000), "replayed at 2026-11-24"),
    ],
)
def test_the_status_says_how_far_the_lost_tail_is(
    tmp_path: Path, tail: c.TailRow, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with answering(tmp_path, {"region-status": c.RegionsReport(tail=tail)}) as daemon:
        assert main(["region", "--socket", daemon.path, "status"]) == 0
    page = capsys.readouterr().out
    assert f"tail    of epoch 9: {said}" in page
    assert tail.evidence in page
    assert tail.trouble in page


def test_a_time_that_is_none_is_said_so(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["region", "--socket", str(tmp_path / "none"), "tail", "--from", "yesterday", *SIGNED]) != 0
    assert "is no time" in capsys.readouterr().err


def test_where_the_core_is_the_source_there_is_little_to_say(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    report = c.RegionsReport(detail="region tokyo is blocked (epoch 8)")
    with answering(tmp_path, {"region-status": report}) as daemon:
        assert main(["region", "--socket", daemon.path, "status"]) == 0
    said = (
        "active  no region known, epoch 0, may not be asked: region tokyo is blocked (epoch 8)\nsource  the core's own word\n"
    )
    assert capsys.readouterr().out == said


@pytest.mark.parametrize(
    ("typed", "command", "args"),
    [
        (
            ["pin", "osaka", "--epoch", "9", "--hours", "1.5", "--second", "Suzuki", *SIGNED],
            "region-pin",
            c.RegionPinArgs(region="osaka", epoch=9, minutes=90, who="Sato", second="Suzuki", why="drill"),
        ),
        (["unpin", *SIGNED], "region-unpin", c.RegionUnpinArgs(who="Sato", why="drill")),
        (["seal", "8", *SIGNED], "region-seal", c.RegionSealArgs(epoch=8, who="Sato", why="drill")),
        (["unseal", "8", *SIGNED], "region-unseal", c.RegionSealArgs(epoch=8, who="Sato", why="drill")),
        (
            ["block", "atm", "zengin", *SIGNED],
            "region-block",
            c.RegionBlockArgs(classes=("atm", "zengin"), who="Sato", why="drill"),
        ),
        (["release", "all", *SIGNED], "region-release", c.RegionReleaseArgs(classes=("all",), who="Sato", why="drill")),
        (
            ["release", "atm", "--despite-tail", *SIGNED],
            "region-release",
            c.RegionReleaseArgs(classes=("atm",), despite_tail=True, who="Sato", why="drill"),
        ),
        (
            ["tail", "--from", "2026-11-24T00:00:01Z", *SIGNED],
            "region-tail",
            c.RegionTailArgs(from_ms=1_795_478_401_000, who="Sato", why="drill"),
        ),
        (["tail", "--lag-ms", "900000", *SIGNED], "region-tail", c.RegionTailArgs(lag_ms=900_000, who="Sato", why="drill")),
    ],
)
def test_what_is_typed_arrives_signed(
    tmp_path: Path, typed: list[str], command: str, args: msgspec.Struct, capsys: pytest.CaptureFixture[str]
) -> None:
    with answering(tmp_path, {command: Done("so it is")}) as daemon:
        assert main(["region", "--socket", daemon.path, *typed]) == 0
        assert daemon.asked == [args]
    assert capsys.readouterr().out == "so it is\n"


@pytest.mark.parametrize(
    "typed", [["seal", "8", "--who", "Sato"], ["pin", "osaka", *SIGNED], ["block", *SIGNED], ["unpin", "--why", "x"]]
)
def test_nothing_is_decided_unsigned(typed: list[str]) -> None:
    with pytest.raises(SystemExit):
        main(["region", *typed])


@pytest.mark.parametrize("hours", ["0", "73", "-1"])
def test_a_pin_has_an_end(tmp_path: Path, hours: str, capsys: pytest.CaptureFixture[str]) -> None:
    with answering(tmp_path, {"region-pin": Done("so it is")}) as daemon:
        typed = ["pin", "osaka", "--hours", hours, "--second", "Suzuki", *SIGNED]
        assert main(["region", "--socket", daemon.path, *typed]) != 0
        assert daemon.asked == []
    assert "72 hours" in capsys.readouterr().err


def test_what_is_made_for_the_zone_is_what_is_read(config: str, capsys: pytest.CaptureFixture[str]) -> None:
    make = ["region", "record", "make", config, "--epoch", "9", "--region", "osaka", "--run", "run-9"]
    assert main(make) == 0
    _, alias, record = capsys.readouterr().out.splitlines()
    assert alias == "active.core.example. 5 IN CNAME osa.core.example."
    assert record.startswith('_active.core.example. 5 IN TXT "v=1;epoch=9;')
    text = record.split('"')[1]
    assert parse_record([text.encode()], "_active.core.example", [KEY]) == RegionRecord(9, "osaka", "run-9")
    assert main(["region", "record", "check", config, text]) == 0
    assert capsys.readouterr().out == "epoch 9: osaka is the active region, said by run run-9\n"
    assert main(["region", "record", "check", config, text.replace("osaka", "tokyo")]) != 0
    assert "bad-mac" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("epoch", "region", "run", "why"),
    [
        ("0", "osaka", "r", "epoch"),
        (str(2**63), "osaka", "r", "epoch"),
        ("9", "nagoya", "r", "nagoya"),
        ("9", "osaka", "", "run"),
    ],
)
def test_what_cannot_be_a_record_is_not_made(
    config: str, epoch: str, region: str, run: str, why: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["region", "record", "make", config, "--epoch", epoch, "--region", region, "--run", run]) != 0
    shown = capsys.readouterr()
    assert shown.out == ""
    assert why in shown.err
