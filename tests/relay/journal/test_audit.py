"""The record of a reveal: signed, bounded, and without a card number whatever a person typed."""

from __future__ import annotations

import pytest

from relay.journal.audit import REVEAL_COUNT_MAX, SAID_CHARS_MAX, read_reveal, reveal_row
from tests.support.journal_suite import PAN
from tests.support.secrets_suite import revealing


def test_a_card_number_that_somebody_typed_is_masked_in_every_text() -> None:
    said = f"card {PAN.reveal()}"
    reveal = revealing(1, who=said, reason=said, asked=said)
    assert PAN.reveal() not in repr(reveal) + repr(reveal_row(reveal))
    assert reveal.reason.startswith("card 453957")


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"who": "  "}, "a name and for a reason"),
        ({"reason": ""}, "a name and for a reason"),
        ({"exchange_ids": []}, "not 0"),
        ({"exchange_ids": range(REVEAL_COUNT_MAX + 1)}, f"not {REVEAL_COUNT_MAX + 1}"),
        ({"reason": "x" * (SAID_CHARS_MAX + 1)}, "at most"),
        ({"token": "short"}, "token"),
    ],
)
def test_what_is_no_record(changes: dict[str, object], says: str) -> None:
    with pytest.raises(ValueError, match=says):
        revealing(1, **changes)


def test_at_the_limits_it_is_one_and_reads_back() -> None:
    reveal = revealing(1, exchange_ids=range(REVEAL_COUNT_MAX), reason="x" * SAID_CHARS_MAX)
    assert read_reveal((7, *reveal_row(reveal))).reveal == reveal
