"""What a person may say, and what is answered to what cannot be done."""

from __future__ import annotations

import pytest

from protocols.vocabulary import Refusal
from protocols.zengin.session.commands import COMMANDS
from protocols.zengin.telegram.message import EnquiryAnswer, TransferNotice
from tests.protocols.zengin.session.test_gate import files
from tests.support.zrcline import LineRig, hang_ups, notes, transfer


@pytest.mark.parametrize("name", [*(name for name, needs in COMMANDS.items() if needs), "cutover"])
def test_a_command_without_what_it_needs_does_nothing(name: str) -> None:
    rig = LineRig()
    rig.opens()
    before = dict(rig.disk)
    assert notes(rig.command(name)) == ["command-impossible"]
    assert rig.disk == before


@pytest.mark.parametrize("name", sorted(COMMANDS))
def test_any_command_on_any_state_never_raises(name: str) -> None:
    for rig in (LineRig(), LineRig("2026-11-26 03:00")):
        rig.connect()
        rig.command(name, "a b c d \udcff".encode("utf-8", "replace").decode())
        rig.opens()
        rig.command(name, "20261126 0202 Sato")
        assert hang_ups(rig.command(name, "x" * 5_000)) == []


def test_signing_a_day_that_waits_for_nobody() -> None:
    rig = LineRig()
    rig.opens()
    assert notes(rig.command("sign", "20261126 Sato")) == ["command-impossible"]


def test_tables_back_and_forth() -> None:
    rig = LineRig(tables=files("v1") | files("v2"), profile={})
    rig.connect()
    assert notes(rig.command("tables-previous")) == ["command-impossible"], "the profile names no previous version"
    both = LineRig(
        tables=files("v1") | files("v2"), profile={"tables": {"enrichment": "on", "current": "v2", "previous": "v1"}}
    )
    both.opens()
    for name, version in (("tables-previous", "v1"), ("tables-current", "v2")):
        assert "tables-in-use" in notes(both.command(name))
        assert both.dialect.rules.gate.reference is not None
        assert both.dialect.rules.gate.reference.version == version


def test_a_version_that_is_refused_is_not_changed_to_and_fees_go_on() -> None:
    """Else telegrams would leave without a fee until somebody noticed."""
    tables = files("v1") | files("v2")
    rig = LineRig(tables=tables, profile={"tables": {"enrichment": "on", "current": "v2", "previous": "v1"}})
    rig.opens()
    tables.update(files("v1", break_row=3))
    assert notes(rig.command("tables-previous")) == ["tables-refused"]
    ((_, telegram),) = rig.telegrams(rig.offer("A"))
    assert isinstance(telegram, TransferNotice)
    assert telegram.details.fee == 52
    rig.crash()
    rig.connect()
    assert rig.dialect.rules.gate.reference is not None
    assert rig.dialect.rules.gate.reference.version == "v2", "what was refused is not what a restart takes"


def test_a_parked_telegram_leaves_the_list_when_its_answer_has_left() -> None:
    rig = LineRig()
    rig.opens()
    rig.answer = Refusal.UNSUPPORTED
    rig.info(1, transfer(1, subject="7777"))
    (name,) = (variable.partition("/")[2] for variable in rig.disk if "/parked/" in variable)
    rig.offer("A")  # the LCN is busy: the answer waits
    rig.command("answer-parked", f"{name} 0202 Sato")
    assert notes(rig.command("answer-parked", f"{name} 0202 Sato")) == ["command-impossible"]
    rig.crash()
    rig.opens(last_sent=1, last_received=1)
    assert rig.dialogue._receiving.parked(name) is not None, "it was not answered, so it still waits"
    done = rig.command("answer-parked", f"{name} 0202 Sato")
    ((_, answer),) = rig.telegrams(done)
    assert isinstance(answer, EnquiryAnswer)
    assert "parked-answered" in notes(done)
