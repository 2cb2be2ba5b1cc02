"""`relay journal archive` as people use it: list, verify, show, by date and by path; no full card number ever comes out."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from relay.journal.source import SqliteSource
from relay.main import main
from tests.relay.journal.archive.test_run import SqliteWorld
from tests.support.journal_suite import DAY_MS, PAN
from tests.support.sqliterig import KEY, SqliteRig


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[SqliteWorld]:
    rig = SqliteRig(tmp_path, archive_directory=str(tmp_path / "archive"))
    world = SqliteWorld(rig, tmp_path / "archive", lambda rig: SqliteSource(str(rig.path)))
    world.day(0, 4)
    rig.later(8 * DAY_MS)
    world.run()
    credentials = tmp_path / "credentials"
    credentials.mkdir()
    (credentials / "journal-key").write_text(KEY.hex() + "\n")
    (credentials / "journal-key").chmod(0o600)
    monkeypatch.setenv("RELAY_CREDENTIALS", str(credentials))
    monkeypatch.delenv("CREDENTIALS_DIRECTORY", raising=False)
    (tmp_path / "relay.toml").write_text(f'[journal]\npath = "{rig.path}"\narchive_directory = "{world.folder}"\n')
    yield world
    rig.end()


def relay(world: SqliteWorld, *words: str) -> int:
    return main(["journal", "archive", *words, "--config", str(world.folder.parent / "relay.toml")])


def test_list_says_which_there_are(world: SqliteWorld, capsys: pytest.CaptureFixture[str]) -> None:
    assert relay(world, "list") == 0
    out = capsys.readouterr().out
    assert "2026-11-24" in out
    assert "archive only" in out
    assert relay(world, "list", "--json") == 0
    assert json.loads(capsys.readouterr().out)[0]["exchange_count"] == 4


def test_verify_ends_with_3_where_a_file_is_not_what_was_made(world: SqliteWorld, capsys: pytest.CaptureFixture[str]) -> None:
    assert relay(world, "verify") == 0
    path = world.folder / world.records()[0].file_name
    content = bytearray(path.read_bytes())
    content[-40] ^= 1
    path.write_bytes(content)
    capsys.readouterr()
    assert relay(world, "verify") == 3
    assert "damaged" in capsys.readouterr().out


def test_messages_of_the_core_are_shown_when_asked_for_and_by_path(
    world: SqliteWorld, capsys: pytest.CaptureFixture[str]
) -> None:
    world.messages(0, 3)
    world.run()
    capsys.readouterr()
    assert relay(world, "show", "2026-11-24", "--outbound", "--json") == 0
    assert [each["key"] for each in json.loads(capsys.readouterr().out)] == ["m0.0", "m0.1", "m0.2"]
    path = world.folder / "2026-11-24.outbound.1.archive"
    assert relay(world, "show", str(path), "--limit", "2") == 0
    out = capsys.readouterr().out
    assert ("m0.1" in out, "m0.2" in out, "body 0" in out) == (True, False, False)
    assert relay(world, "show", str(path), "m0.2") == 0
    out = capsys.readouterr().out
    assert "acknowledged since" in out
    assert "sealed in the archive" in out
    assert relay(world, "show", "2026-11-24", "m0.2", "--outbound", "--json") == 0
    assert json.loads(capsys.readouterr().out)["state"] == "acknowledged"
    assert relay(world, "show", "2026-11-24", "m9", "--outbound") != 0
    assert "no message m9" in capsys.readouterr().err


def test_show_by_date_and_by_path_masks_cards(world: SqliteWorld, capsys: pytest.CaptureFixture[str]) -> None:
    path = str(world.folder / world.records()[0].file_name)
    for which in ("2026-11-24", path):
        assert relay(world, "show", which) == 0
        out = capsys.readouterr().out
        assert [line.split()[-1] for line in out.splitlines()[1:]] == ["k0.0", "k0.1", "k0.2", "k0.3"]
        assert "453957******1486" in out
        assert PAN.reveal() not in out
    assert relay(world, "show", "2026-11-24", "--limit", "2", "--json") == 0
    assert len(json.loads(capsys.readouterr().out)) == 2
    assert relay(world, "show", "2026-11-24", "k0.0") == 0
    assert "held" in capsys.readouterr().out, "with its history"


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["show"], "business date"),
        (["show", "2026-01-01"], "no archive of 2026-01-01"),
        (["show", "2026-11-24", "nothing"], "no exchange nothing"),
    ],
)
def test_what_cannot_be_shown_is_said(
    world: SqliteWorld, capsys: pytest.CaptureFixture[str], words: list[str], said: str
) -> None:
    assert relay(world, *words) != 0
    assert said in capsys.readouterr().err


def test_without_the_key_nothing_of_an_archive_is_shown(
    world: SqliteWorld, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RELAY_CREDENTIALS", "/nonexistent")
    assert relay(world, "list") == 0
    for words in (["show", "2026-11-24"], ["verify"]):
        assert relay(world, *words) == 3
        assert "key" in capsys.readouterr().err


def test_without_a_directory_it_says_that_nothing_is_archived(world: SqliteWorld, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["journal", "archive", "list", "--file", str(world.rig.path)]) != 0
    assert "archive_directory is not set" in capsys.readouterr().err


def test_keys_counts_the_archives_of_each(world: SqliteWorld, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["journal", "keys", "--config", str(world.folder.parent / "relay.toml")]) == 0
    (line,) = capsys.readouterr().out.splitlines()
    assert line.split("  ") == [world.keys.key_id, "writes", "credential journal-key", "archives that want it: 1"]
