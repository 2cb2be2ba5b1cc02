"""Every mistake in the needs of acknowledgements is told with what to write instead."""

from __future__ import annotations

from typing import Any

import pytest

from relay.configuration.acks import check_acks, needs_of, setting_of
from relay.needs import ALONE, IN_PAIR, AckClass, Need
from relay.pairsettings import PairSettings
from relay.settings import JournalSettings

PG = JournalSettings(engine="postgresql")
FILE = JournalSettings()
STANDBY = {"journal_standby": "osaka"}


def wrong(journal: JournalSettings, **settings: Any) -> list[tuple[str, str]]:
    return [(str(each.path[1]), each.problem) for each in check_acks(PairSettings(**settings), journal)]


def test_every_class_has_its_setting() -> None:
    assert {setting_of(each) for each in AckClass} == {
        name for name in PairSettings.model_fields if name.startswith("ack_needs_")
    }


@pytest.mark.parametrize("journal", [PG, FILE])
def test_nothing_configured_is_as_before(journal: JournalSettings) -> None:
    assert wrong(journal) == []
    assert needs_of(PairSettings()) == dict(ALONE)


def test_a_standby_brings_the_defaults_of_a_pair_and_each_class_may_say_otherwise() -> None:
    assert wrong(PG, **STANDBY) == []
    assert needs_of(PairSettings(**STANDBY)) == dict(IN_PAIR)  # type: ignore[arg-type]
    mine = PairSettings(ack_needs_advice=("local+peer", "core", "local"), **STANDBY)  # type: ignore[arg-type]
    assert needs_of(mine)[AckClass.ADVICE] == (Need.PEER, Need.CORE, Need.LOCAL)


def test_a_file_has_no_standby() -> None:
    assert wrong(FILE, **STANDBY) == [("journal_standby", "a SQLite journal has no standby")]
    found = list(check_acks(PairSettings(ack_needs_advice=("local+peer",)), FILE))
    assert [each.path for each in found] == [("pair", "ack_needs_advice")]
    assert "core or local" in found[0].suggestion


@pytest.mark.parametrize("needs", [("local",), ("core",), ("core", "local")])
def test_a_file_may_wait_for_the_core(needs: tuple[str, ...]) -> None:
    assert wrong(FILE, ack_needs_advice=needs, ack_needs_telegram=needs, ack_needs_ej=needs) == []


def test_local_peer_without_a_standby_is_a_promise_that_nobody_keeps() -> None:
    assert wrong(PG, ack_needs_ej=("local+peer",)) == [("ack_needs_ej", "no standby at the other center is named")]


@pytest.mark.parametrize(
    ("setting", "needs", "problem"),
    [
        ("ack_needs_advice", ("local", "core"), "local can always be had: nothing behind it is ever reached"),
        ("ack_needs_advice", ("core", "core"), "the same need twice"),
        ("ack_needs_serial", ("core",), "core cannot be had for it"),
        ("ack_needs_outward", ("local+peer", "core"), "core cannot be had for it"),
        ("ack_needs_request", ("core", "local"), "core cannot be had for it"),
        ("ack_needs_request", ("local+peer",), "a decided reply would wait for ever"),
    ],
)
def test_mistakes(setting: str, needs: tuple[str, ...], problem: str) -> None:
    assert wrong(PG, **STANDBY, **{setting: needs}) == [(setting, problem)]
