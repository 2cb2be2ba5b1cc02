"""Loads: read from text, grouped under a limit, the configuration id last, every mistake named."""

from __future__ import annotations

import pytest

from protocols.errors import LocalMisuse
from protocols.ndc.load import ENTRY_COUNT_MAX, parse_load
from tests.support.ndcplay import LOAD

STATE = "A" * 25


def test_the_configuration_id_is_the_last_message() -> None:
    load = parse_load(LOAD, 1_000)
    assert [step.name for step in load.steps] == ["parameters", "fit", "states", "screens", "configuration-id"]
    assert load.steps[-1].data == ("0001",)


def test_entries_are_grouped_up_to_the_limit() -> None:
    states = ", ".join(f'"{number:03}{STATE}"' for number in range(10))
    load = parse_load(f'config_id = "0001"\nstates = [{states}]', 29 * 4)
    assert [len(step.data) for step in load.steps[:-1]] == [4, 4, 2]


@pytest.mark.parametrize(
    ("text", "path"),
    [
        ("", "load"),
        ("nonsense", "load"),
        ('config_id = "1"', "load.config_id"),
        ('config_id = "0001"\nstates = ["000A"]', "load.states"),
        ('config_id = "0001"\nfit = ["00"]', "load.fit"),
        ('config_id = "0001"\nscreens = ["C0"]', "load.screens"),
        ('config_id = "0001"\nscreens = ["C00\\u001c"]', "load.screens"),
        ('config_id = "0001"\nscreens = ["C00\\u3042"]', "load.screens"),
        ('config_id = "0001"\nscreens = ["C00' + "x" * 400 + '"]', "load.screens"),
        ('config_id = "0001"\n[[emv]]\ntable = "11"\ndata = []', "load.emv.table"),
        ('config_id = "0001"\nscreen = []', "load"),
    ],
)
def test_mistakes_are_named(text: str, path: str) -> None:
    with pytest.raises(LocalMisuse) as caught:
        parse_load(text, 300)
    assert caught.value.path == path


def test_the_number_of_entries_is_bounded() -> None:
    entries = ", ".join('"C00"' for _ in range(ENTRY_COUNT_MAX + 1))
    with pytest.raises(LocalMisuse):
        parse_load(f'config_id = "0001"\nscreens = [{entries}]', 300)


def test_the_currency_mapping_and_emv_tables_are_loaded_before_the_id() -> None:
    text = 'config_id = "0001"\ncurrency_mapping = ["04FF"]\n[[emv]]\ntable = "5"\ndata = ["AID"]'
    assert [(step.identifier, step.table) for step in parse_load(text, 300).steps] == [("E", ""), ("", "5"), ("6", "")]
