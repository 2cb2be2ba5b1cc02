"""The tables agree with each other."""

from __future__ import annotations

from protocols.ndc import fields as f


def test_what_dispenses_is_a_function_and_what_gives_the_card_first_dispenses() -> None:
    assert set(f.FUNCTIONS) >= f.DISPENSING
    assert f.CARD_FIRST <= f.DISPENSING
    assert all("dispense" in f.FUNCTIONS[one] or one in "AF" for one in f.DISPENSING)


def test_classes_of_the_two_directions_are_never_mixed_up() -> None:
    assert not {one for one in f.TERMINAL_CLASSES if one[0] in f.HOST_CLASSES and one[1:] in f.RESPONSE_FLAGS}


def test_cash_handlers_are_devices_and_every_key_reject_has_words() -> None:
    assert set(f.DEVICES) >= f.CASH_HANDLERS
    assert set(f.REJECTS) >= f.KEY_REJECTS
    assert f.NOT_IN_SERVICE_REJECT in f.REJECTS


def test_every_command_is_a_code_and_at_most_one_modifier() -> None:
    assert all(1 <= len(code) <= 2 for code in f.COMMANDS.values())
    assert len(set(f.COMMANDS.values())) == len(f.COMMANDS)
