"""docs/configuration.md is what the models say today."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest

from relay.configuration.reference import dialect_profiles, reference, toml_value
from relay.configuration.wording import models_in
from relay.settings import Settings

PAGE = Path(__file__).resolve().parents[3] / "docs" / "configuration.md"


def test_the_committed_page_is_current() -> None:
    assert PAGE.read_text() == reference(dialect_profiles()), (
        "run: python -m relay.configuration.reference > docs/configuration.md"
    )


def test_every_setting_is_on_it_with_a_sentence() -> None:
    page = reference(dialect_profiles())
    for field in Settings.model_fields.values():
        for model in models_in(field.annotation):
            assert all(f"| `{name}` |" in page for name in model.model_fields)
    assert "|  |\n" not in page  # no setting without a meaning


@pytest.mark.parametrize(
    ("value", "text"),
    [(True, "true"), (30_000, "30_000"), (512, "512"), ("x", '"x"'), ((1, 2), "[1, 2]"), ({"a": "b"}, '{ "a" = "b" }')],
)
def test_defaults_are_shown_as_toml(value: object, text: str) -> None:
    assert toml_value(value) == text
    read = tomllib.loads(f"v = {text}")["v"]
    assert read == (list(value) if isinstance(value, tuple) else value)
