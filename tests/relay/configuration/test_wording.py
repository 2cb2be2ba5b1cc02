"""The sentence for each kind of mistake, and the guess behind it."""

from __future__ import annotations

from typing import Any, Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from relay.configuration.wording import bounds_text, describe, did_you_mean, models_in, near, settings_at, tables_with
from relay.settings import Settings


class Inner(BaseModel):
    model_config = ConfigDict(strict=True, extra="forbid")
    depth_m: int = Field(1, ge=0, le=9)
    key: str = ""


class Outer(BaseModel):
    model_config = ConfigDict(strict=True, extra="forbid")
    name: str = Field(description="What it is called.")
    colour: Literal["red", "green"] = "red"
    count: int = Field(1, ge=1)
    share: float = 0.5
    is_on: bool = True
    words: tuple[str, ...] = ()
    table: dict[str, int] = {}
    inner: Inner = Field(default_factory=Inner)
    many: tuple[Inner, ...] = ()
    kinds: dict[str, Inner] = {}
    ratio: int | None = Field(None, ge=2)


def told(**data: Any) -> tuple[str, str]:
    with pytest.raises(ValidationError) as caught:
        Outer.model_validate({"name": "x", **data})
    [error] = caught.value.errors()
    return describe(error, tuple(error["loc"]), Outer)


@pytest.mark.parametrize(
    ("data", "problem", "suggestion"),
    [
        ({"count": "12"}, '"12" is not a whole number', "write 12 without quotes"),
        ({"count": "a dozen"}, '"a dozen" is not a whole number', ""),
        ({"count": 1.5}, "1.5 is not a whole number", "write it without a decimal point"),
        ({"count": True}, "true is not a whole number", ""),
        ({"count": 0}, "0 is out of bounds", "at least 1"),
        ({"ratio": 1}, "1 is out of bounds", "at least 2"),
        ({"inner": {"depth_m": 10}}, "10 is out of bounds", "0 to 9"),
        ({"share": "0.5"}, '"0.5" is not a number', ""),
        ({"is_on": "yes"}, '"yes" is not true or false', "write true or false without quotes"),
        ({"is_on": "True"}, '"True" is not true or false', "write true without quotes"),
        ({"is_on": 1}, "1 is not true or false", "write true or false"),
        ({"name": 7}, "7 is not text", 'write "7" in quotes'),
        ({"words": "one"}, '"one" is not a list', 'write ["one"]'),
        ({"table": "x"}, '"x" is not a table', "write it as a table: { name = value }"),
        ({"inner": 3}, "3 is not a table", "write it as a table: { name = value }"),
        ({"colour": "gren"}, "\"gren\" is none of 'red' or 'green'", 'did you mean "green"?'),
        ({"colour": "RED"}, "\"RED\" is none of 'red' or 'green'", 'did you mean "red"?'),
        ({"colour": 7}, "7 is none of 'red' or 'green'", ""),
        ({"cuont": 1}, 'there is no setting "cuont" here', 'did you mean "count"?'),
        ({"inner": {"depth": 1}}, 'there is no setting "depth" here', 'did you mean "depth_m"?'),
        ({"depth_m": 1}, 'there is no setting "depth_m" here', "it belongs in [[many]] or [inner] or [kinds]"),
        ({"kinds": {"sale": {"colour": "red"}}}, 'there is no setting "colour" here', "known here: depth_m, key"),
        ({"inner": {"key": 4711}}, "this value is not text", ""),
        ({"words": ("a" * 100, 3)}, "3 is not text", 'write "3" in quotes'),
    ],
)
def test_every_kind_of_mistake(data: dict[str, Any], problem: str, suggestion: str) -> None:
    assert told(**data) == (problem, suggestion)


def test_a_missing_setting_is_explained() -> None:
    with pytest.raises(ValidationError) as caught:
        Outer.model_validate({})
    [error] = caught.value.errors()
    assert describe(error, ("name",), Outer) == ("this setting is required", "add name = ... : what it is called")


def test_a_long_value_is_not_repeated_whole() -> None:
    problem, _ = told(colour="x" * 500)
    assert len(problem) < 120


@pytest.mark.parametrize("name", ["key", "api_key", "token", "bearer_token", "key_credential", "password"])
def test_the_value_of_a_setting_that_may_be_secret_is_never_repeated(name: str) -> None:
    with pytest.raises(ValidationError) as caught:
        Outer.model_validate({"name": 4711})
    [error] = caught.value.errors()
    assert "4711" not in " ".join(describe(error, (name,), Outer))


@pytest.mark.parametrize(
    ("word", "guess"),
    [
        ("call_timeout", "call_timeout_ms"),
        ("Call-Timeout-MS", "call_timeout_ms"),
        ("cal_timeout_ms", "call_timeout_ms"),
        ("zzz", None),
        ("", None),
    ],
)
def test_guesses(word: str, guess: str | None) -> None:
    assert near(word, ["name", "port", "call_timeout_ms", "connect_timeout_ms"]) == guess


def test_a_word_without_a_guess_lists_what_is_known_where_that_is_short() -> None:
    assert did_you_mean("xyz", ["atm", "branch"]) == "known: atm, branch"
    assert did_you_mean("xyz", [f"name{n:02}" for n in range(13)]) == ""


@given(st.text(max_size=12))
def test_a_guess_is_one_of_the_known(word: str) -> None:
    known = list(Settings.model_fields)
    assert near(word, known) in {*known, None}


def test_the_way_in_a_model() -> None:
    assert models_in(Outer.model_fields["many"].annotation) == [Inner]
    assert settings_at(Outer, ("many", 3)) == ["depth_m", "key"]
    assert settings_at(Outer, ("kinds", "sale")) == ["depth_m", "key"]
    assert sorted(tables_with(Settings, "reply_deadline_ms")) == ["[[dialer]]", "[[listener]]"]
    assert set(tables_with(Settings, "minimum_version")) == {
        "[core.tls]",
        "[console.tls]",
        "[outbound.tls]",
        "[listener.tls]",
        "[dialer.tls]",
    }
    assert bounds_text(None) == ""
