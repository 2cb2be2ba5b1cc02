"""Serial numbers that two links, or two centers, could give one terminal: refused where certain, warned of where possible."""

from __future__ import annotations

import pytest

from relay.configfile import check_text

PAIR = """[pair]
peer = "osaka"
paths = ["a=10.30.0.11>10.30.0.12", "b=10.31.0.11>10.31.0.12"]
mac_credentials = ["pair-mac"]
"""
NDC = """[[listener]]
name = "{name}"
dialect = "ndc"
endpoint = "tcp:{port}:interface=127.0.0.1"
{more}
"""
BASE = '[relay]\ncenter = "tokyo"\nrealm = "bank"\n[core]\nname = "localhost"\n'


def serials(first: int, last: int) -> str:
    return f"[listener.profile]\ntsn_range = [{first}, {last}]"


@pytest.mark.parametrize(
    ("first", "last", "is_fine"),
    [(1, 9_999, False), (1, 9_898, True), (1, 9_899, False), (102, 9_999, True), (101, 9_999, False)],
)
def test_in_a_pair_serials_are_left_for_the_other_center(first: int, last: int, is_fine: bool) -> None:
    listener = NDC.format(name="atm", port=1, more=serials(first, last))
    told = check_text(BASE + PAIR + listener, "relay.toml").mistakes
    assert [each.path for each in told] == ([] if is_fine else ["listener[0].profile.tsn_range"])
    assert is_fine or "no serials are left for the other center" in told[0].problem
    assert is_fine or "[5_000, 9_999]" in told[0].suggestion
    assert check_text(BASE + listener, "relay.toml").mistakes == (), "alone it may give them all"
    default = check_text(BASE + PAIR + NDC.format(name="atm", port=1, more=""), "relay.toml").mistakes
    assert [each.path for each in default] == ["listener[0].profile.tsn_range"], "the default is all of them"


@pytest.mark.parametrize(
    ("more", "is_warned"),
    [
        (("", ""), True),
        ((serials(1, 4_999), serials(4_999, 9_999)), True),
        ((serials(1, 4_999), serials(5_000, 9_999)), False),
        (('terminals = ["A", "B"]', 'terminals = ["B", "C"]'), True),
        (('terminals = ["A", "B"]', 'terminals = ["C"]'), False),
        (('terminals = ["A", "B"]', ""), True),
    ],
)
def test_two_links_that_may_give_a_terminal_the_same_serial(more: tuple[str, str], is_warned: bool) -> None:
    text = BASE + NDC.format(name="one", port=1, more=more[0]) + NDC.format(name="two", port=2, more=more[1])
    checked = check_text(text, "relay.toml")
    assert checked.mistakes == ()
    told = [each for each in checked.warnings if each.path.endswith("tsn_range")]
    assert [each.path for each in told] == (["listener[1].profile.tsn_range"] if is_warned else [])
    assert not is_warned or "are given by one, too" in told[0].problem
