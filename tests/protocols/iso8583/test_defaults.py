"""The default tables hang together: every code names a kind, every kind a policy, and card data is nowhere it may not be."""

from __future__ import annotations

import pytest

from protocols.iso8583 import defaults

CASH_IN = {"deposit", "cheque-deposit"}


def test_every_processing_code_names_a_kind_with_a_policy() -> None:
    for table in (defaults.PROCESSING_CODES, defaults.AUTHORISATION_CODES):
        assert set(table.values()) <= defaults.KINDS.keys()


def test_every_kind_is_reached_by_a_code_or_a_class() -> None:
    reached = {*defaults.PROCESSING_CODES.values(), *defaults.AUTHORISATION_CODES.values(), *defaults.PLAIN_KINDS}
    assert reached == set(defaults.KINDS)


def test_what_the_customer_gave_is_never_undone() -> None:
    assert CASH_IN == defaults.NEVER_UNDONE
    for kind in CASH_IN:
        assert defaults.KINDS[kind][0] != "undo"
    assert defaults.KINDS["withdrawal"] == ("undo", "required")
    assert defaults.KINDS["purchase"] == ("undo", "required")


@pytest.mark.parametrize("version", ["1987", "1993", "2003"])
def test_nothing_secret_is_echoed_or_extra(version: str) -> None:
    secret = defaults.CARD_FIELDS - {2}  # a response carries its PAN back
    for name in defaults.ECHOED:
        echoed = set(defaults.echoed(version, name))
        assert not echoed & (secret - {53} if name == "network" else secret)
        assert echoed.isdisjoint({39, 64, 128})
    assert not set(defaults.extra_fields(version).values()) & defaults.CARD_FIELDS
    assert 2 not in defaults.echoed(version, "refused")


def test_verification_data_of_2003_is_not_echoed() -> None:
    assert 49 in defaults.echoed("1987", "financial")
    assert 49 not in defaults.echoed("2003", "financial")


def test_network_codes_mean_actions() -> None:
    for table in defaults.NETWORK_CODES.values():
        assert set(table.values()) == set(defaults.NETWORK_ACTIONS)
