"""What steps do to a stored exchange: the last word of each column wins, silence changes nothing."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from relay.journal.apply import blanked, stepped, taken
from relay.journal.records import Step, Taken
from tests.relay.journal.test_rows import records, steps


@given(records, st.lists(steps, max_size=6))
def test_the_last_word_wins(record: Taken, more: list[Step]) -> None:
    stored = taken(record)
    for step in more:
        stored = stepped(stored, step)
    for name in ("outcome", "standing_minor", "tries", "epoch", "intent"):
        said = [getattr(step, name) for step in more if getattr(step, name) is not None]
        assert getattr(stored, name) == (said[-1] if said else getattr(taken(record), name))
    assert stored.state is (more[-1].state if more else record.state)
    assert stored.updated_ms == (more[-1].at_ms if more else record.recorded_ms)
    assert (stored.taken.state, stored.taken.intent) == (stored.state, stored.intent)
    assert stored.taken.key == record.key


@given(records, st.lists(steps, max_size=3))
def test_blanking_leaves_the_key_and_the_code(record: Taken, more: list[Step]) -> None:
    stored = taken(record)
    for step in more:
        stored = stepped(stored, step)
    bare = blanked(stored)
    assert (bare.taken.request, bare.taken.pan, bare.outcome) == (b"", None, None)
    assert (bare.taken.key, bare.taken.fingerprint, bare.state) == (record.key, record.fingerprint, stored.state)
    if stored.intent is None:
        assert bare.intent is None
    else:
        assert bare.intent is not None
        assert (bare.intent.verdict, bare.intent.code, bare.intent.data) == (stored.intent.verdict, stored.intent.code, b"")
    assert blanked(bare) == bare
