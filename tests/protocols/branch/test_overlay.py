"""Overlays: a bank's own widths over the tables, refused where the dialogue could not live on them."""

import pytest

from protocols.branch.fields import BODIES, HEADER
from protocols.branch.overlay import parse_overlay, tables_of
from protocols.errors import LocalMisuse

DEPOSIT = '[bodies]\ndeposit = [{name = "amount", type = "N", length = 11}]\n'


def test_a_body_is_replaced_whole_and_the_others_stay() -> None:
    tables = tables_of(["own"], {}, lambda name: DEPOSIT)
    assert [(field.name, field.length) for field in tables.bodies["deposit"]] == [("amount", 11)]
    assert tables.bodies["transfer"] == BODIES["transfer"]
    assert tables.header == HEADER


def test_what_is_written_in_place_is_on_top() -> None:
    inline = {"bodies": {"deposit": [{"name": "amount", "type": "N", "length": 9}]}}
    assert tables_of(["own"], inline, lambda name: DEPOSIT).bodies["deposit"][0].length == 9


def header_text(**changes: object) -> str:
    rows = []
    for field in HEADER:
        length = changes.get(field.name, field.length)
        if length:
            rows.append(f'{{name = "{field.name}", type = "{field.type}", length = {length}}}')
    return "header = [" + ", ".join(rows) + "]"


def test_the_header_may_have_other_widths_but_no_other_items() -> None:
    tables = tables_of(["own"], {}, lambda name: header_text(terminal=6, reserved=38))
    assert sum(field.length for field in tables.header) == 156
    with pytest.raises(LocalMisuse, match="serial"):
        tables_of(["own"], {}, lambda name: header_text(serial=0))
    with pytest.raises(LocalMisuse, match="extra"):
        tables_of(["own"], {}, lambda name: header_text()[:-1] + ', {name = "extra", type = "N", length = 1}]')


@pytest.mark.parametrize("text", ["x = [", 'bodies = "no"', "[bodies]\na = [{name = 1}]", "other = 1"])
def test_what_is_no_overlay_is_refused(text: str) -> None:
    with pytest.raises(LocalMisuse):
        parse_overlay(text)
