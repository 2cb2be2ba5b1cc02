"""The order of commands, which is the law of the place."""

from __future__ import annotations

from protocols.ndc.hooks import Hooks, KeyStep
from protocols.ndc.load import parse_load
from protocols.ndc.plans import Plans
from protocols.ndc.rules import LinkRules
from tests.support.ndcplay import LOAD, WALL_MS, make_dialect

HOOKS = Hooks(key_loads=lambda terminal: [KeyStep("4", "2", "030", "02A68B"), KeyStep("4", "5", "030")])


def plans(**overrides: object) -> Plans:
    return Plans(make_dialect(HOOKS, **overrides).rules, "001")


def test_out_of_service_first_keys_next_in_service_last() -> None:
    session = {"journal_options": "60001FS61001"}
    steps = plans(session=session).start(with_keys=True, in_service=True, outbound_id="o1")
    assert [step.name for step in steps] == [
        "go-out-of-service", "key-2", "key-5", "send-supply-counters", "set-clock", "journal-options", "go-in-service",
    ]  # fmt: skip
    assert steps[-1].outbound_id == "o1"
    assert plans().start(with_keys=False, in_service=False)[-1].name != "go-in-service"


def test_only_what_moves_neither_money_nor_keys_may_be_sent_twice() -> None:
    steps = plans().start(with_keys=True, in_service=True)
    assert {step.name for step in steps if not step.may_resend} == {"key-2", "key-5"}
    assert [step.check_value for step in steps if step.name.startswith("key")] == ["02A68B", ""]


def test_a_load_is_sent_with_keys_before_it_and_the_id_behind_it() -> None:
    dialect = make_dialect(HOOKS, config_id="0001", load="x")
    steps = Plans(dialect.rules, "001").download()
    names = [step.name for step in steps]
    assert names[:3] == ["go-out-of-service", "key-2", "key-5"]
    assert names[-1] == "load-configuration-id"
    assert LinkRules(dialect.profile, parse_load(LOAD, 300), lambda: WALL_MS).load is not None


def test_frames_are_made_when_their_turn_comes() -> None:
    made = plans()
    step = made.command("send-configuration-id")
    made.bind("T", "007")
    assert b"007" in step.frame()
