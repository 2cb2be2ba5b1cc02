"""What is typed about an exclusive line arrives signed, by two where it is taken; the status is one page."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from relay.control import lease as c
from relay.control.report import Done
from relay.errors import RelayError
from relay.main import main
from tests.support.controlroom import answering

SIGNED = ["--who", "Sato", "--why", "osaka is down"]
REPORT = c.LeaseReport(
    database="db1:5432",
    is_copied=True,
    lines=(
        c.LeaseRow(
            line="zengin",
            state="held",
            why="granted by the lease database",
            token=8,
            left_ms=11_000,
            links=("zengin-0101", "zengin-0102"),
            tenures=(
                c.TenureRow(token=8, center="tokyo", incarnation=4, began_ms=1_795_485_059_000, who="Sato", second="Suzuki"),
                c.TenureRow(token=7, center="osaka", incarnation=2),
            ),
        ),
        c.LeaseRow(line="more-time", state="fault", why="no renewal", holder="osaka under token 3", silence="away \x1b[31m"),
    ),
    deeds=(c.LineDeedRow(at_ms=1_795_485_059_000, what="take zengin", who="Sato", second="Suzuki", why="drill \x1b[31m"),),
)


def test_the_status_is_one_page(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with answering(tmp_path, {"lease-status": REPORT}) as daemon:
        assert main(["lease", "--socket", daemon.path, "status"]) == 0
        page = capsys.readouterr().out
        assert main(["lease", "--socket", daemon.path, "status", "--json"]) == 0
        assert msgspec.json.decode(capsys.readouterr().out, type=c.LeaseReport) == REPORT
    for expected in (
        "db1:5432, with its standby",
        "zengin-0101, zengin-0102",
        "held",
        "token 8",
        "taken by Sato and Suzuki",
        "token 7",
        "osaka (incarnation 2)",
        "fault",
        "osaka under token 3",
        "the database does not answer: away",
        "take zengin by Sato and Suzuki",
    ):
        assert expected in page, expected
    assert "\x1b" not in page


def test_without_an_exclusive_line_the_page_says_so(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with answering(tmp_path, {"lease-status": c.LeaseReport()}) as daemon:
        assert main(["lease", "--socket", daemon.path, "status"]) == 0
    assert "no line is exclusive here" in capsys.readouterr().out


def test_what_is_done_arrives_signed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    answers = {"lease-take": Done("held"), "lease-release": Done("free"), "lease-standby": Done("standing by")}
    with answering(tmp_path, {**answers}) as daemon:
        reach = ["lease", "--socket", daemon.path]
        assert main([*reach, "take", "zengin", "--second", "Suzuki", *SIGNED]) == 0
        assert main([*reach, "take", "zengin", "--second", "Suzuki", "--by-hand", *SIGNED]) == 0
        assert main([*reach, "release", "zengin", *SIGNED]) == 0
        assert main([*reach, "standby", "zengin", *SIGNED]) == 0
    assert capsys.readouterr().out.split("\n")[:-1] == ["held", "held", "free", "standing by"]
    take = c.LeaseTakeArgs(line="zengin", who="Sato", second="Suzuki", why="osaka is down")
    signed = c.LeaseSignedArgs(line="zengin", who="Sato", why="osaka is down")
    assert daemon.asked == [take, msgspec.structs.replace(take, by_hand=True), signed, signed]


@pytest.mark.parametrize("missing", ["--who", "--why", "--second"])
def test_nothing_is_taken_without_a_signature(missing: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["take", "zengin", "--second", "Suzuki", *SIGNED]
    at = words.index(missing)
    with pytest.raises(SystemExit):
        main(["lease", "--socket", str(tmp_path / "none"), *words[:at], *words[at + 2 :]])
    assert missing in capsys.readouterr().err


def test_a_no_of_the_relay_is_said_with_its_next_step(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    no = RelayError("osaka holds zengin.", "Release it there.")
    with answering(tmp_path, {"lease-release": no}) as daemon:
        assert main(["lease", "--socket", daemon.path, "release", "zengin", *SIGNED]) == 1
    assert "Release it there." in capsys.readouterr().err


def test_init_needs_a_database(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    config = tmp_path / "relay.toml"
    config.write_text('[core]\nname = "127.0.0.1"\n[[listener]]\nname = "atm"\n')
    assert main(["lease", "init", str(config)]) == 2
    assert "lease.dsn" in capsys.readouterr().err
