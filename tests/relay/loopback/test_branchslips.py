"""The fake terminal's telegrams: what a repeat keeps, and what an answer must bring back."""

import msgspec
import pytest

from protocols.branch.dialect import build_dialect, default_profile
from relay.loopback import branchslips as slips

PLACE = slips.Place(terminal="0042")
CODEC = build_dialect(default_profile(), lambda: 0).codec


@pytest.mark.parametrize("operation", list(slips.KINDS))
def test_every_body_can_be_written(operation: str) -> None:
    body = slips.body_of(operation, "123-1-0000001", 5_000, "321-2-0000009")
    assert CODEC.write(slips.telegram(PLACE, "20", slips.stamp(0), body, serial=1, operation=operation))


def test_times_are_those_of_tokyo() -> None:
    assert slips.stamp(0) == "19700101090000"


def test_a_repeat_keeps_number_and_body() -> None:
    first = slips.telegram(PLACE, "20", "20261125090000", {"amount": "1"}, serial=7)
    again = slips.repeated(first, "20261125090100")
    assert (again.serial, again.body, again.is_repeat) == (7, first.body, True)
    assert again.digest() == first.digest()


def test_an_answer_must_bring_back_what_it_answers() -> None:
    asked = slips.telegram(PLACE, "20", "20261125090000", serial=7, operation="01001")
    answer = asked.answered("0000")
    assert slips.mismatch(asked, answer) == ""
    assert "serial" in slips.mismatch(asked, msgspec.structs.replace(answer, serial=8))
    assert "terminal" in slips.mismatch(asked, msgspec.structs.replace(answer, terminal="0043"))
