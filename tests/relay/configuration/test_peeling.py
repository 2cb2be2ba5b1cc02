"""Layer by layer, until every mistake is told once and what is left is right."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, ConfigDict, Field, model_validator

from relay.configuration.peeling import peel


class Leaf(BaseModel):
    model_config = ConfigDict(strict=True, extra="forbid")
    name: str
    low: int = Field(1, ge=0)
    high: int = 9
    words: tuple[str, ...] = ()

    @model_validator(mode="after")
    def _ordered(self) -> Leaf:
        if self.low > self.high:
            raise ValueError('low is above high; word "bad" is not allowed')
        return self


class Tree(BaseModel):
    model_config = ConfigDict(strict=True, extra="forbid")
    leaf: tuple[Leaf, ...] = ()
    depth: int = 0

    @model_validator(mode="after")
    def _whole(self) -> Tree:
        if self.depth == 13:
            raise ValueError("depth: thirteen is not built")
        return self


def paths(data: dict[str, Any]) -> list[tuple[str | int, ...]]:
    return [finding.path for finding in peel(Tree, data)[0]]


def test_what_is_right_comes_back() -> None:
    findings, tree = peel(Tree, {"leaf": [{"name": "a", "words": ["x"]}]})
    assert findings == []
    assert tree == Tree(leaf=(Leaf(name="a", words=("x",)),))


def test_a_relation_is_found_under_a_mistake_in_another_table() -> None:
    data: dict[str, Any] = {"leaf": [{"name": 7}, {"name": "b", "low": 5, "high": 3}], "depth": 13}
    assert paths(data) == [("leaf", 0, "name"), ("leaf", 1), ("leaf", 1), ("depth",)]


def test_a_required_setting_that_was_wrong_is_not_reported_as_missing_too() -> None:
    assert paths({"leaf": [{"name": ["x"]}]}) == [("leaf", 0, "name")]


def test_one_wrong_word_in_a_list_does_not_shift_the_others() -> None:
    findings, tree = peel(Tree, {"leaf": [{"name": "a", "words": ["x", 1, "y", 2]}]})
    assert [finding.path for finding in findings] == [("leaf", 0, "words", 1), ("leaf", 0, "words", 3)]
    assert tree is not None
    assert tree.leaf[0].words == ()


def test_a_mistake_of_the_whole_that_names_nothing_ends_the_peeling() -> None:
    class Never(BaseModel):
        @model_validator(mode="after")
        def _never(self) -> Never:
            raise ValueError("it is Monday")

    findings, never = peel(Never, {})
    assert [(finding.path, finding.problem) for finding in findings] == [((), "it is Monday")]
    assert never is None


VALUES = st.recursive(
    st.integers(-2, 15) | st.text("ab", max_size=2) | st.booleans(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["name", "low", "high", "words", "x"]), inner),
    max_leaves=10,
)


@given(st.dictionaries(st.sampled_from(["leaf", "depth", "leef"]), VALUES))
def test_it_ends_and_tells_each_mistake_once(data: dict[str, Any]) -> None:
    findings, tree = peel(Tree, data)
    assert tree is not None or findings
    told = [(finding.path, finding.problem) for finding in findings]
    assert len(told) == len(set(told))
