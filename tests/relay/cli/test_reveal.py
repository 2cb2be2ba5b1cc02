"""`--reveal` without a relay that listens: key, name and reason, a record in the journal that is read, only then a number."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from relay.control.commands import RevealArgs
from relay.control.report import Recorded
from relay.errors import RelayError
from relay.journal.audit import REVEAL_COUNT_MAX
from relay.journal.keyring import KeyRing
from relay.main import main
from tests.support.controlroom import answering
from tests.support.journal_suite import PAN
from tests.support.secrets_suite import NEW, take
from tests.support.sqliterig import KEY, SqliteRig

NUMBER = PAN.reveal()
SIGNED = ("--reveal", "--who", "Sato", "--reason", "dispute 4711")


@pytest.fixture
def rig(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[SqliteRig]:
    """A journal whose relay is stopped; keys in files beside it, and in no credentials directory."""
    rig = SqliteRig(tmp_path)
    take(rig, "k1", "k2")
    rig.end()
    for name, key in (("right", KEY), ("wrong", NEW)):
        (tmp_path / name).write_text(key.hex())
        (tmp_path / name).chmod(0o600)
    monkeypatch.delenv("RELAY_CREDENTIALS", raising=False)
    monkeypatch.delenv("CREDENTIALS_DIRECTORY", raising=False)
    monkeypatch.setenv("RELAY_SOCKET", str(tmp_path / "control.sock"))
    yield rig
    rig.end()


def relay(rig: SqliteRig, *words: str) -> int:
    return main(["journal", *words, "--file", str(rig.path)])


def acts(rig: SqliteRig, capsys: pytest.CaptureFixture[str]) -> list[dict[str, object]]:
    capsys.readouterr()
    assert relay(rig, "reveals", "--json") == 0
    found: list[dict[str, object]] = json.loads(capsys.readouterr().out)
    return found


@pytest.mark.parametrize("words", [["search"], ["show", "k1"]])
def test_it_is_shown_and_recorded(rig: SqliteRig, tmp_path: Path, capsys: pytest.CaptureFixture[str], words: list[str]) -> None:
    assert relay(rig, *words, *SIGNED, "--key", str(tmp_path / "right")) == 0
    read = capsys.readouterr()
    assert NUMBER in read.out
    assert "recorded as reveal 1" in read.err
    (act,) = acts(rig, capsys)
    assert (act["who"], act["reason"]) == ("Sato", "dispute 4711")
    assert str(act["asked"]).startswith(" ".join(words))
    assert relay(rig, "reveals") == 0
    assert "dispute 4711" in capsys.readouterr().out


@pytest.mark.parametrize(
    "words",
    [
        ("--reveal",),
        ("--reveal", "--who", "Sato", "--reason", "because"),
        ("--reveal", "--who", "Sato", "--reason", " ", "--key", "right"),
        ("--reveal", "--who", "", "--reason", "because", "--key", "right"),
        (*SIGNED, "--key", "wrong"),
        (*SIGNED, "--key", "right", "--limit", str(REVEAL_COUNT_MAX + 1)),
    ],
)
def test_nothing_is_shown_and_nothing_recorded(
    rig: SqliteRig, tmp_path: Path, capsys: pytest.CaptureFixture[str], words: tuple[str, ...]
) -> None:
    files = [str(tmp_path / word) if word in ("right", "wrong") else word for word in words]
    assert relay(rig, "search", *files) != 0
    read = capsys.readouterr()
    assert NUMBER not in read.out + read.err
    assert acts(rig, capsys) == []


def test_beside_a_relay_that_does_not_listen_nothing_is_shown(
    rig: SqliteRig, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rig.journal = rig.open()
    assert relay(rig, "search", *SIGNED, "--key", str(tmp_path / "right")) == 3
    read = capsys.readouterr()
    assert NUMBER not in read.out + read.err
    assert "nothing is shown" in read.err
    assert "in use" in read.err
    assert "not running" in read.err


def test_what_a_relay_says_is_no_proof(rig: SqliteRig, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """It says that it has recorded the act, and the journal that was read does not have it."""
    with answering(tmp_path, {"reveal": Recorded(True)}) as daemon:
        assert relay(rig, "search", *SIGNED, "--key", str(tmp_path / "right")) == 3
        (asked,) = daemon.asked
    read = capsys.readouterr()
    assert NUMBER not in read.out + read.err
    assert "nothing is shown" in read.err
    assert isinstance(asked, RevealArgs)
    assert (asked.who, asked.place) == ("Sato", str(rig.path.resolve()))


def test_a_relay_that_keeps_this_journal_and_cannot_record_has_the_last_word(
    rig: SqliteRig, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with answering(tmp_path, {"reveal": RelayError("the disk is full.")}):
        assert relay(rig, "search", *SIGNED, "--key", str(tmp_path / "right")) != 0
    read = capsys.readouterr()
    assert NUMBER not in read.out + read.err
    assert acts(rig, capsys) == []


def test_a_relay_that_keeps_another_journal_is_no_hindrance(
    rig: SqliteRig, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with answering(tmp_path, {"reveal": Recorded(False)}):
        assert relay(rig, "search", *SIGNED, "--key", str(tmp_path / "right")) == 0
    assert NUMBER in capsys.readouterr().out
    assert len(acts(rig, capsys)) == 1


def test_what_is_found_by_card_number_is_recorded_without_it(
    rig: SqliteRig, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO(f"{NUMBER}\n"))
    words = ("--reveal", "--who", NUMBER, "--reason", f"card {NUMBER}", "--key", str(tmp_path / "right"))
    assert relay(rig, "search", "--json", "--pan", *words) == 0
    assert {each["pan"] for each in json.loads(capsys.readouterr().out)} == {NUMBER}
    (act,) = acts(rig, capsys)
    assert "one card" in str(act["asked"])
    assert NUMBER not in str(act)


def test_where_nothing_is_found_nobody_was_shown_anything(
    rig: SqliteRig, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    key = str(tmp_path / "right")
    assert relay(rig, "search", *SIGNED, "--terminal", "nobody", "--key", key) == 0
    assert relay(rig, "listed", *SIGNED, "--key", key) == 0
    assert relay(rig, "show", "nothing", *SIGNED, "--key", key) == 1
    assert acts(rig, capsys) == []
    assert relay(rig, "reveals") == 0
    assert "nobody was shown" in capsys.readouterr().err


def test_while_rows_name_an_older_key_both_are_given(
    rig: SqliteRig, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rig.journal = rig.open(key=NEW, older=[KEY])
    rig.end()
    new, old = str(tmp_path / "wrong"), str(tmp_path / "right")
    assert relay(rig, "search", *SIGNED, "--key", new) == 3
    assert KeyRing(KEY).key_id in capsys.readouterr().err
    assert relay(rig, "search", *SIGNED, "--key", new, "--key", old) == 0
    assert NUMBER in capsys.readouterr().out


def test_an_export_never_has_card_numbers(rig: SqliteRig) -> None:
    with pytest.raises(SystemExit):
        relay(rig, "export", "--reveal")


def test_a_key_that_others_may_read_is_none(rig: SqliteRig, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "right").chmod(0o644)
    assert relay(rig, "search", *SIGNED, "--key", str(tmp_path / "right")) == 2
    assert "by everybody" in capsys.readouterr().err
