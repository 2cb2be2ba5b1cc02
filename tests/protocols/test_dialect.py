"""The port is whole: each event and action is in its union, and who says that it remembers has dialogues that can be asked."""

from __future__ import annotations

import inspect
from typing import get_args

import msgspec

from protocols import dialect as d
from protocols.dialects import DIALECTS

MODULES = (d.__name__, "protocols.totals")  # stated totals have their words in a file of their own
PORT = {each for _, each in inspect.getmembers(d, inspect.isclass) if each.__module__ in MODULES}


def test_every_value_of_the_port_is_an_event_or_an_action_and_never_both() -> None:
    events, actions = set(get_args(d.Event)), set(get_args(d.Action))
    parts = {d.LineRight}  # of events and actions, neither itself
    assert events | actions == {each for each in PORT if issubclass(each, msgspec.Struct)} - parts
    assert not events & actions
    assert all(each.__struct_config__.frozen for each in events | actions)


def test_who_remembers_answers_questions_also_before_its_link_is_open() -> None:
    remembering = {name: kit for name, kit in DIALECTS.items() if isinstance(kit, d.RememberingKit)}
    assert set(remembering) == {"zrc"}
    for kit in remembering.values():
        built = kit.build(kit.profile_model(), lambda name: "", lambda: 0)
        assert built.new_dialogue().step(d.OutboundQuestioned("k1", 1), 0) == [], "nothing is known yet, so nothing is said"
