"""The reference tables: every word with its code in each dialect, every state and ending with its meaning."""

from __future__ import annotations

from protocols.branch.codes import CODES
from protocols.iso8583.codes import all_codes
from relay.console.pages.tables import tables
from relay.journal.records import StoredState
from tests.support.consoleroom import assert_page, frame, words_of


def test_every_word_and_state_is_there_in_both_languages() -> None:
    for language in ("en", "ja"):
        made = tables(frame("/tables", language=language))  # type: ignore[arg-type]  # both are languages
        assert_page(made)
        said = words_of(made)
        for word in (*CODES, *all_codes("1987", {}), *(state.value for state in StoredState)):
            assert f" {word} " in said, word
    assert f"insufficient-funds {all_codes('1987', {})['insufficient-funds']}" in said
