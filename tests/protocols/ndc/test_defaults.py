"""The default tables are a whole profile, and nothing in them undoes notes that are in the machine."""

from __future__ import annotations

from protocols.ndc import defaults
from protocols.ndc.dialect import default_profile
from protocols.ndc.fields import DISPENSING
from protocols.vocabulary import DoubtPolicy


def test_every_kind_has_a_reply_and_every_operation_a_kind() -> None:
    profile = default_profile()
    assert {f"{defaults.APPROVED}{kind}" for kind in profile.all_kinds()} <= set(profile.all_replies("*"))
    assert {row["kind"] for row in defaults.OPERATIONS.values()} <= set(defaults.KINDS)


def test_only_an_approval_dispenses() -> None:
    dispensing = {word for word, row in defaults.REPLIES.items() if row["function"] in DISPENSING}
    assert dispensing == {f"{defaults.APPROVED}withdrawal"}


def test_notes_in_the_machine_are_held() -> None:
    kinds = default_profile().all_kinds()
    assert {kinds[kind].doubt for kind in defaults.NEVER_UNDONE} == {DoubtPolicy.HOLD}
    assert not defaults.PLAIN_KINDS & set(defaults.KINDS)
