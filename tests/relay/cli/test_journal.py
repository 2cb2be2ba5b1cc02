"""`relay journal` as people use it, on a journal that a daemon is writing; no full card number ever comes out."""

from __future__ import annotations

import io
import json
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from protocols.vocabulary import Pan
from relay.journal.records import StoredState
from relay.main import main
from tests.support.journal_suite import answered, step_to, taken
from tests.support.sqliterig import KEY, SqliteRig

CANARY = "6011000990139424"


@pytest.fixture
def rig(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[SqliteRig]:
    rig = SqliteRig(tmp_path)
    journal = rig.journal
    records = [
        taken(journal, "k1", request=b""),
        taken(journal, "k2", StoredState.LISTED, kind="deposit", pan=Pan(CANARY), request=b""),
        taken(journal, "k3", terminal="ATM\x1b[2J3", request=b""),
    ]
    for record in records:
        journal.take(record, lambda _: None)
    journal.step(answered(records[0].exchange_id), lambda _: None)
    journal.step(
        step_to(records[1].exchange_id, StoredState.LISTED, "listed", detail=f"card {CANARY}", tries=20), lambda _: None
    )
    rig.settle()
    credentials = tmp_path / "credentials"
    credentials.mkdir()
    (credentials / "journal-key").write_text(KEY.hex() + "\n")
    (credentials / "journal-key").chmod(0o600)
    monkeypatch.setenv("RELAY_CREDENTIALS", str(credentials))
    monkeypatch.delenv("CREDENTIALS_DIRECTORY", raising=False)
    yield rig
    rig.end()


def relay(rig: SqliteRig, *words: str) -> int:
    return main(["journal", "--file", str(rig.path), *words])


def test_without_a_word_it_says_what_there_is(rig: SqliteRig, capsys: pytest.CaptureFixture[str]) -> None:
    assert relay(rig) == 0
    out = capsys.readouterr().out
    assert str(rig.path) in out
    assert "3 exchanges" in out
    assert "listed" in out


def test_search_shows_newest_first_and_masks_cards(rig: SqliteRig, capsys: pytest.CaptureFixture[str]) -> None:
    assert relay(rig, "search") == 0
    out = capsys.readouterr().out
    assert [line.split()[-1] for line in out.splitlines()[1:]] == ["k3", "k2", "k1"]
    assert "601100******9424" in out
    assert CANARY not in out
    assert "\x1b" not in out  # a terminal's name from outside moves no cursor


@pytest.mark.parametrize(
    ("words", "keys"),
    [
        (["--kind", "deposit"], ["k2"]),
        (["--state", "listed"], ["k2"]),
        (["--limit", "1"], ["k3"]),
        (["--until", "2000-01-01"], []),
        (["--since", "2000-01-01T00:00+09:00"], ["k3", "k2", "k1"]),
        (["--terminal", "nobody"], []),
    ],
)
def test_search_as_json_holds_what_was_asked_for(
    rig: SqliteRig, capsys: pytest.CaptureFixture[str], words: list[str], keys: list[str]
) -> None:
    assert relay(rig, "search", "--json", *words) == 0
    assert [each["key"] for each in json.loads(capsys.readouterr().out)] == keys


def test_a_card_number_is_read_from_standard_input(
    rig: SqliteRig, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO(f"{CANARY[:4]} {CANARY[4:]}\n"))
    assert relay(rig, "search", "--json", "--pan") == 0
    assert [each["key"] for each in json.loads(capsys.readouterr().out)] == ["k2"]
    monkeypatch.setattr("sys.stdin", io.StringIO("nonsense\n"))
    assert relay(rig, "search", "--pan") == 1
    assert "no card number" in capsys.readouterr().err


def test_listed_is_the_persons_list(rig: SqliteRig, capsys: pytest.CaptureFixture[str]) -> None:
    assert relay(rig, "listed", "--json") == 0
    assert [each["key"] for each in json.loads(capsys.readouterr().out)] == ["k2"]


def test_show_tells_one_exchange_with_its_history(rig: SqliteRig, capsys: pytest.CaptureFixture[str]) -> None:
    assert relay(rig, "show", "k2") == 0
    out = capsys.readouterr().out
    assert "deposit" in out
    assert "20 tries" in out
    assert CANARY not in out
    assert relay(rig, "show", "k2", "--json") == 0
    assert json.loads(capsys.readouterr().out)["exchange"]["key"] == "k2"
    assert relay(rig, "show", "nothing") == 1
    assert "no exchange nothing" in capsys.readouterr().err


def test_export_makes_a_new_file_for_its_owner_only(
    rig: SqliteRig, tmp_path: Path, capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    output = tmp_path / "export.jsonl"
    assert relay(rig, "export", "--output", str(output)) == 0
    assert stat.S_IMODE(output.stat().st_mode) == 0o600
    assert [json.loads(line)["key"] for line in output.read_bytes().splitlines()] == ["k3", "k2", "k1"]
    assert relay(rig, "export", "--output", str(output)) == 1  # and replaces none
    capfdbinary.readouterr()


def test_verify_of_a_sound_journal(rig: SqliteRig, capsys: pytest.CaptureFixture[str]) -> None:
    assert relay(rig, "verify") == 0
    assert "sound: 3 exchanges" in capsys.readouterr().out
    assert relay(rig, "verify", "--json") == 0
    assert json.loads(capsys.readouterr().out)["problems"] == []


def test_verify_of_a_journal_that_is_not_sound(rig: SqliteRig, capsys: pytest.CaptureFixture[str]) -> None:
    rig.journal.take(taken(rig.journal, "k4", request=b"no request at all"), lambda _: None)
    rig.settle()
    assert relay(rig, "verify") == 3
    assert "does not unpack" in capsys.readouterr().out


def test_without_the_key_cards_are_not_shown_at_all(
    rig: SqliteRig, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("RELAY_CREDENTIALS")
    assert relay(rig, "search", "--json") == 0
    read = capsys.readouterr()
    assert {each["pan"] for each in json.loads(read.out)} == {None}
    assert "PANs are not shown" in read.err


def test_a_journal_that_is_not_there(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["journal", "--file", str(tmp_path / "none.sqlite"), "search"]) == 3
    assert "no journal" in capsys.readouterr().err


def test_the_journal_of_a_configuration(rig: SqliteRig, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    config = tmp_path / "relay.toml"
    config.write_text(f'[core]\nname = "localhost"\n[journal]\npath = "{rig.path}"\n')
    assert main(["journal", "--config", str(config), "listed", "--json"]) == 0
    assert [each["key"] for each in json.loads(capsys.readouterr().out)] == ["k2"]


@pytest.mark.parametrize("words", [["search"], ["listed"], ["verify"], ["show", "k1"], ["export"]])
def test_where_may_stand_after_the_sub_command(rig: SqliteRig, capsys: pytest.CaptureFixture[str], words: list[str]) -> None:
    assert main(["journal", *words, "--file", str(rig.path)]) == 0
