"""The committed contract is the generated one, is valid OpenAPI 3.1, and its examples fit its own schemas."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from jsonschema import Draft202012Validator
from openapi_spec_validator import validate

from relay.journal.outbound import OutboundState
from relay.outbound import contract as c
from relay.outbound import openapi

ROOT = Path(__file__).resolve().parents[3]
DOCUMENT: dict[str, Any] = json.loads(json.dumps(openapi.document()))


def test_the_committed_file_is_the_generated_one() -> None:
    committed = (ROOT / openapi.FILE).read_text(encoding="utf-8")
    assert committed == openapi.text(), f"run: python -m relay.outbound.openapi > {openapi.FILE}"


def test_the_file_is_valid_openapi_and_says_what_the_document_says() -> None:
    read = yaml.safe_load(openapi.text())
    assert read == DOCUMENT
    validate(read)


def examples() -> Iterator[tuple[str, dict[str, Any], Any]]:
    def look(node: Any, path: str) -> Iterator[tuple[str, dict[str, Any], Any]]:
        if isinstance(node, dict):
            if "schema" in node and "example" in node:
                yield path, node["schema"], node["example"]
            for name, example in node.get("examples", {}).items() if "schema" in node else ():
                yield f"{path}.{name}", node["schema"], example["value"]
            for key, value in node.items():
                yield from look(value, f"{path}/{key}")
        elif isinstance(node, list):
            for number, value in enumerate(node):
                yield from look(value, f"{path}/{number}")

    yield from look(DOCUMENT, "")


@pytest.mark.parametrize(("path", "schema", "example"), [pytest.param(*e, id=e[0]) for e in examples()])
def test_each_example_fits_its_schema(path: str, schema: dict[str, Any], example: Any) -> None:
    whole = {**schema, "components": DOCUMENT["components"]}
    errors = [error.message for error in Draft202012Validator(whole).iter_errors(example)]
    assert not errors, path


def test_every_problem_of_the_contract_is_shown_and_no_other() -> None:
    shown = {
        example["value"]["type"]
        for response in DOCUMENT["components"]["responses"].values()
        for example in response["content"]["application/problem+json"]["examples"].values()
    }
    assert shown == {value for name, value in vars(c).items() if name.startswith("PROBLEM_")}


def test_every_state_that_is_stored_is_in_the_contract() -> None:
    states = DOCUMENT["components"]["schemas"]["OutboundStatus"]["properties"]["state"]["enum"]
    assert set(states) == {state.value for state in OutboundState}
