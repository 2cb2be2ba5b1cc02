"""Both languages say everything, with the same values in it; what a page asks for is there, and nothing is left over."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path
from string import Formatter

import pytest

from relay.announce.role import Role as AnnounceRole
from relay.console.deeds import DEEDS
from relay.console.english import ENGLISH
from relay.console.identity import Role
from relay.console.japanese import JAPANESE
from relay.console.words import Words, language_of, preferred
from relay.core.balance import Health
from relay.journal.records import StoredState
from relay.reconcile.matcher import Ending
from relay.reconcile.report import Layer

CONSOLE = Path(__file__).resolve().parents[3] / "relay" / "console"
JAPANESE_LETTERS = re.compile(r"[\u3040-\u30ff\u4e00-\u9fff]")
SAME_IN_BOTH = {"channel.atm", "tile.of", "traffic.p99"}  # figures and an English short word


def names_in(text: str) -> set[str]:
    return {name for _, name, _, _ in Formatter().parse(text) if name is not None}


def asked_for() -> Iterator[tuple[str, bool]]:
    """Every key, or its beginning, that a page looks up; True where the whole key stands there."""
    for path in CONSOLE.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if not isinstance(node, ast.Call) or not node.args:
                continue
            called = ast.unparse(node.func)
            if called not in ("t", "t.maybe", "frame.words", "self", "NotMeant", "t.keys"):
                continue
            first = node.args[0]
            if isinstance(first, ast.Constant) and isinstance(first.value, str):
                yield first.value, called != "t.keys"
            elif isinstance(first, ast.JoinedStr) and isinstance(first.values[0], ast.Constant):
                yield str(first.values[0].value), False


def test_both_languages_have_the_same_keys_and_values() -> None:
    assert set(ENGLISH) == set(JAPANESE)
    for key, said in ENGLISH.items():
        assert names_in(said) == names_in(JAPANESE[key]), key
        assert said.strip() == said != "", key
        assert not JAPANESE_LETTERS.search(said.replace("応答コード", "")), key


def test_japanese_is_japanese() -> None:
    untold = {key for key, said in JAPANESE.items() if not JAPANESE_LETTERS.search(said)}
    assert untold == SAME_IN_BOTH


def test_what_pages_ask_for_is_there_and_nothing_is_left_over() -> None:
    asked = set(asked_for())
    whole = {key for key, is_whole in asked if is_whole}
    begun = {key for key, is_whole in asked if not is_whole}
    assert whole - set(ENGLISH) == set()
    assert not {start for start in begun if not any(key.startswith(start) for key in ENGLISH)}
    assert not {key for key in ENGLISH if key not in whole and not any(key.startswith(start) for start in begun if start)}


@pytest.mark.parametrize(
    "keys",
    [
        [f"role.{role}" for role in Role],
        [f"deed.{name}" for name in DEEDS],
        [f"deed.{name}.what" for name in DEEDS],
        [f"field.{field.name}" for deed in DEEDS.values() for field in deed.fields],
        [f"stored.{state}" for state in StoredState],
        [f"stored.{state}.what" for state in StoredState],
        [f"ending.{ending}" for ending in Ending],
        [f"layer.{layer}" for layer in Layer],
        [f"role-of.{role.value}" for role in AnnounceRole],
        [f"health.{health.value}" for health in Health],
        [f"state.{state}" for state in ("starting", "serving", "draining", "fenced")],
    ],
    ids=lambda keys: str(keys[0]),
)
def test_names_that_others_own_are_known(keys: list[str]) -> None:
    assert set(keys) <= set(ENGLISH)


def test_formats() -> None:
    t = Words("en", 540)
    assert t.zone == "UTC+09:00"
    assert Words("ja", -330).zone == "UTC-05:30"
    assert t.clock(1_795_478_400_000) == "09:00:00"
    assert t.moment(0) == "–"
    assert t.unbroken(61_000) == "1\xa0min\xa01\xa0s"
    assert [t.duration(ms) for ms in (999, 59_999, 61_000, 3_660_000, 90_000_000)] == [
        "999 ms",
        "59 s",
        "1 min 1 s",
        "1 h 1 min",
        "1 d 1 h",
    ]
    assert (t.money(1_234, "JPY"), t.money(-1_234_505, "USD"), t.money(5, "ZZ?"), t.money(None, "JPY")) == (
        "1,234 JPY",
        "-12,345.05 USD",
        "5 ZZ?",
        "–",
    )
    assert (t.rate(0.0), t.rate(3.25), t.rate(1_234.5), t.millis(None), t.millis(12.5)) == ("0", "3.2", "1,234", "–", "12")
    assert (t.size(10), t.size(1_536), t.number(12_345)) == ("10 B", "1.5 KiB", "12,345")


def test_which_language() -> None:
    assert (language_of("ja"), language_of("en"), language_of("JA"), language_of("../x")) == ("ja", "en", None, None)
    assert preferred("fr-FR, ja-JP;q=0.8, en;q=0.5", "en") == "ja"
    assert preferred("", "ja") == "ja"
    assert preferred("fr," * 5_000, "en") == "en"
