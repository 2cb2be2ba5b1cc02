"""What a person may say, and what is answered to what cannot be done."""

from __future__ import annotations

import pytest

from protocols.zengin.session.commands import COMMANDS
from tests.protocols.zengin.session.test_gate import files
from tests.support.zrcline import LineRig, hang_ups, notes


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
