"""Which keys rows need and which credentials may go: in `relay journal keys`, `rekey`, `verify` and `relay check`."""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from relay.cli.keys import key_findings, progress, rekey
from relay.configfile import check
from relay.control.client import ControlClient
from relay.control.report import KeyRow, KeysReport, StatusReport
from relay.journal.keyring import KeyRing
from relay.main import main
from relay.settings import Settings
from tests.support.secrets_suite import NEW, take
from tests.support.sqliterig import KEY, SqliteRig

OLD_ID, NEW_ID = KeyRing(KEY).key_id, KeyRing(NEW).key_id


class Place:
    """A stopped relay's journal with two exchanges under the old key, its credentials and its configuration."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.rig = SqliteRig(folder)
        take(self.rig, "k1", "k2")
        self.rig.end()
        self.config = folder / "relay.toml"
        (folder / "credentials").mkdir()
        for name, key in (("old", KEY), ("new", NEW)):
            (folder / "credentials" / name).write_text(key.hex())
            (folder / "credentials" / name).chmod(0o600)

    def named(self, current: str, *older: str) -> Settings:
        self.config.write_text(
            f'[relay]\ncredentials_directory = "{self.folder}/credentials"\n[core]\nname = "localhost"\n'
            f'[journal]\npath = "{self.rig.path}"\nkey_credential = "{current}"\nolder_key_credentials = {json.dumps(older)}\n'
            f'[control]\npath = "{self.folder}/control.sock"\n'
        )
        settings = check(str(self.config)).settings
        assert settings is not None
        return settings

    def change_key(self, *, walks: bool) -> None:
        journal = self.rig.journal = self.rig.open(key=NEW, older=[KEY])
        if walks:
            journal.rekey(lambda _: None)
            self.rig.settle()
        journal.close()

    def relay(self, *words: str) -> int:
        return main(["journal", *words, "--config", str(self.config)])


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Place]:
    for name in ("RELAY_CREDENTIALS", "CREDENTIALS_DIRECTORY", "RELAY_SOCKET"):
        monkeypatch.delenv(name, raising=False)
    place = Place(tmp_path)
    yield place
    place.rig.end()


def test_keys_before_during_and_after_a_change(place: Place, capsys: pytest.CaptureFixture[str]) -> None:
    def told() -> dict[str, str]:
        assert place.relay("keys") == 0
        lines = capsys.readouterr().out.splitlines()
        return {line[:8]: line[8:].strip() for line in lines}

    place.named("new", "old")
    before = told()
    assert before[OLD_ID].startswith("writes  ")
    assert before[NEW_ID].startswith("writes from the next start, or `relay journal rekey`, on")
    place.change_key(walks=False)
    during = told()
    assert during[NEW_ID].startswith("writes  ")
    assert during[OLD_ID].startswith("needed by older rows")
    place.change_key(walks=True)
    assert told()[OLD_ID] == "no row needs it: its credential may be taken out  credential old"
    place.named("new")
    assert told()[OLD_ID] == "no row needs it"


def test_check_names_a_key_that_is_missing_and_a_credential_that_may_go(place: Place) -> None:
    place.change_key(walks=False)
    assert list(key_findings(place.named("new", "old"))) == []
    (missing,) = key_findings(place.named("new"))
    assert not missing.is_warning
    assert OLD_ID in missing.problem
    place.change_key(walks=True)
    (spare,) = key_findings(place.named("new", "old"))
    assert spare.is_warning
    assert "credential old" in spare.problem
    assert main(["check", str(place.config)]) == 0
    place.named("old")
    assert main(["check", str(place.config)]) == 2


def test_check_is_silent_where_nothing_can_be_known(place: Place) -> None:
    settings = place.named("new", "old")
    (place.folder / "credentials" / "old").unlink()
    assert list(key_findings(settings)) == [], "told with the credentials"
    settings = place.named("new")
    place.rig.path.unlink()
    assert list(key_findings(settings)) == [], "no journal yet"
    place.rig.path.write_bytes(b"this was a journal once" * 400)
    (unread,) = key_findings(settings)
    assert unread.is_warning


def test_verify_counts_what_names_each_key(place: Place, capsys: pytest.CaptureFixture[str]) -> None:
    place.named("new", "old")
    place.change_key(walks=False)
    assert place.relay("verify") == 0
    out = capsys.readouterr().out
    assert f"key {OLD_ID} needed, 2 stored secrets" in out
    assert f"key {NEW_ID} writes, 0 stored secrets" in out


@pytest.mark.parametrize(
    ("report", "words"),
    [
        (KeysReport(why="a row does not decrypt"), "tried again: a row does not decrypt"),
        (KeysReport(is_walking=True, rekeyed=1_200, left=34), "1,200 rows sealed anew, at most 34 exchanges"),
        (KeysReport(keys=(KeyRow("a", "x", True, True), KeyRow("b", "", False, True))), "wait to be sealed anew"),
        (KeysReport(keys=(KeyRow("a", "x", True, True),)), "every row is sealed"),
    ],
)
def test_progress_in_words(report: KeysReport, words: str) -> None:
    assert words in progress(report)


class ScriptedRelay(ControlClient):
    """A relay that walks for as many looks as it is told."""

    def __init__(self, *reports: KeysReport) -> None:
        super().__init__("/nowhere")
        self.reports = list(reports)

    def rekey(self) -> KeysReport:
        return self.reports.pop(0)

    def status(self) -> StatusReport:
        return StatusReport(keys=self.reports.pop(0))


def test_rekey_waits_for_the_end_of_the_walk(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("relay.cli.keys.WATCH_S", 0)
    both = (KeyRow("aaaaaaaa", "new", True, True), KeyRow("bbbbbbbb", "old", False, True))
    done = (KeyRow("aaaaaaaa", "new", True, True), KeyRow("bbbbbbbb", "old", False, False))

    def args(**words: Any) -> argparse.Namespace:
        return argparse.Namespace(**{"wait": True, "json": False, **words})

    client = ScriptedRelay(KeysReport(keys=both, is_walking=True, left=9), KeysReport(keys=both), KeysReport(keys=done))
    assert rekey(client, args()) == 0
    read = capsys.readouterr()
    assert "at most 9 exchanges" in read.err
    assert "may be taken out" in read.out
    assert rekey(ScriptedRelay(KeysReport(keys=both, is_walking=True)), args(wait=False)) == 0
    assert rekey(ScriptedRelay(KeysReport(keys=both, why="broken")), args(json=True)) == 2


def test_rekey_without_a_relay_says_so(place: Place, capsys: pytest.CaptureFixture[str]) -> None:
    place.named("new", "old")
    assert place.relay("rekey") == 1
    assert "not running" in capsys.readouterr().err
