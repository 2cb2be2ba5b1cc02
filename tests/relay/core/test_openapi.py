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

from relay.core import contract as c
from relay.core import openapi
from relay.core.mapping import PROBLEMS

ROOT = Path(__file__).resolve().parents[3]
DOCUMENT: dict[str, Any] = json.loads(json.dumps(openapi.document()))


def test_the_committed_file_is_the_generated_one() -> None:
    committed = (ROOT / openapi.FILE).read_text(encoding="utf-8")
    assert committed == openapi.text(), f"run: python -m relay.core.openapi > {openapi.FILE}"


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


def test_every_problem_that_the_relay_understands_is_in_the_contract_and_no_other() -> None:
    shown = {
        (example["value"]["status"], example["value"]["type"])
        for response in DOCUMENT["components"]["responses"].values()
        for example in response["content"]["application/problem+json"]["examples"].values()
    }
    # 404 and 405 are for resources and methods that the contract does not have.
    assert shown == {row for row in PROBLEMS if row[0] not in (404, 405)}


def test_every_answer_carries_the_region_epoch_and_the_key_where_there_is_one() -> None:
    for path, operations in DOCUMENT["paths"].items():
        for operation in operations.values():
            good = operation["responses"].get("200") or operation["responses"]["204"]
            assert c.H_REGION_EPOCH in good["headers"], path
            takes_key = path.startswith((c.TRANSACTIONS_PATH, c.NETWORK_EVENTS_PATH))
            assert (c.H_KEY in good["headers"]) == takes_key, path
