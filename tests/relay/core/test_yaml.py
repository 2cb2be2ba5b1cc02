"""What is written reads back as the same values, by a YAML reader that we did not write."""

from __future__ import annotations

import pytest
import yaml
from hypothesis import example, given
from hypothesis import strategies as st

from relay.core.yaml import Node, to_yaml

TEXTS = st.text(alphabet=st.characters(min_codepoint=0x20, max_codepoint=0x7E), max_size=30) | st.sampled_from(
    [
        "no",
        "null",
        "~",
        "1e3",
        "0x10",
        "2026-11-24",
        "a: b",
        "- a",
        "# a",
        "a #b",
        "{a}",
        "[a]",
        "",
        " a",
        "a ",
        "&a",
        "*a",
        "!a",
        "日本",
    ]
)
LINES = st.lists(st.sampled_from(["a", "", "  b", "c ", "d: e", "# f", "'"]), max_size=6).map("\n".join)
SCALARS = st.none() | st.booleans() | st.integers(-(10**12), 10**12) | TEXTS | LINES
NODES = st.recursive(SCALARS, lambda n: st.lists(n, max_size=4) | st.dictionaries(TEXTS, n, max_size=4), max_leaves=20)


@given(NODES)
@example({"a": [{}, [], [[1], {"b": None}], {"c": {"d": "e"}}]})
@example({"text": "two\nlines\n"})
@example({"text": "two\nlines"})
@example({"text": "\nleading"})
@example({"text": "trailing\n\n"})
def test_a_reader_gets_back_what_was_written(node: Node) -> None:
    assert yaml.safe_load(to_yaml(node)) == node


def test_text_of_several_lines_stays_readable() -> None:
    assert to_yaml({"text": "one\n\n* two\n"}) == "text: |\n  one\n\n  * two\n"


def test_what_yaml_cannot_hold_is_refused() -> None:
    with pytest.raises(TypeError, match="bytes"):
        to_yaml({"a": b"no"})  # type: ignore[dict-item]  # the point of the test
