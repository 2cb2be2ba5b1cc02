"""The profile: relations that must hold, each with its sentence."""

import pytest
from pydantic import ValidationError

from protocols.branch.dialect import default_profile
from protocols.branch.profile import OperationRule
from protocols.vocabulary import DoubtPolicy

RULE = {"kind": "deposit", "body": "deposit", "cash": "in", "doubt": "repeat"}


def test_defaults_lie_under_single_rows() -> None:
    rules = default_profile(operations={"09001": RULE}).all_operations()
    assert rules["09001"].kind == "deposit"
    assert rules["01002"].completion == "A"
    assert rules["01001"].doubt is DoubtPolicy.REPEAT


@pytest.mark.parametrize(
    ("overrides", "sentence"),
    [
        ({"operations": {"0900": RULE}}, "five digits"),
        ({"operations": {"09001": {**RULE, "doubt": "undo"}}}, "never undone"),
        ({"operations": {"09001": {**RULE, "completion": "A"}}}, "goes out"),
        ({"codes": {"serial-wrong": "12"}}, "four digits"),
        ({"codes": {"serial-wrong": "0000"}}, "means approved"),
        ({"codes": {"approved": "0001"}}, "stays 0000"),
        ({"session": {"pending_count_max": 0}}, "greater than or equal"),
        ({"mac_keys": {"1": "k"}}, "four digits"),
        ({"unknown": 1}, "Extra inputs"),
    ],
)
def test_what_does_not_hang_together_is_refused(overrides: dict, sentence: str) -> None:
    with pytest.raises(ValidationError, match=sentence):
        default_profile(**overrides)


def test_a_kind_without_a_doubt_policy_is_refused() -> None:
    with pytest.raises(ValidationError, match="doubt"):
        OperationRule.model_validate({"kind": "deposit", "body": "deposit"})
