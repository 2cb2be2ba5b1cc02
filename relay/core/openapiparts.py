"""What every page of the contract is put together from: schemas of headers, parameters, bodies, answers and problems. Pure.

Owns those pieces; relay/core/openapi.py puts them together. It must never know a path. The trap: an example is made from the
structures of the contract, never typed in, or it would one day not fit them.
"""

from __future__ import annotations

import msgspec

from relay.core import contract as c
from relay.core.mapping import PROBLEMS, Meaning
from relay.core.yaml import Node

JSON = "application/json"
PROBLEM_JSON = "application/problem+json"
REF = "#/components/schemas/{name}"
KEY = "bank/iso8583/000001/ATM00042/01/000123/1124103059"
ATTEMPT = "tokyo/7/4711"

_MEANS = {
    Meaning.NOT_PROCESSED: "This call posted nothing and never will.",
    Meaning.IN_PROGRESS: "The key is being worked on: inquire.",
    Meaning.TAKEN_OVER: "Another attempt of the key was answered since: the caller owes nothing any more.",
    Meaning.CONTESTED: "Another attempt of the key was answered, and may have been told: nothing is undone; say it again.",
    Meaning.CONFLICT: "The key is known with another body: refused, and never reversed by the caller.",
}

KEY_SCHEMA: Node = {"type": "string", "minLength": 1, "maxLength": 512, "description": "A structured-field string"}
EPOCH_SCHEMA: Node = {"type": "integer", "minimum": 0, "maximum": 2**53 - 1}
SHORT_SCHEMA: Node = {"type": "string", "maxLength": 255}
TOKEN_SCHEMA: Node = {"type": "string", "minLength": 1, "maxLength": 255, "pattern": "^[ -~]+$"}
DATE_SCHEMA: Node = {"type": "string", "pattern": "^[0-9]{4}-[0-9]{2}-[0-9]{2}$"}
_PATH_KEY_SCHEMA: Node = {"type": "string", "minLength": 1, "maxLength": 255, "pattern": "^[!-~]+$"}
_TRACE_SCHEMA: Node = {"type": "string", "pattern": "^00-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}$"}

PROBLEM_NAMES = {
    400: "Invalid",
    401: "NotAuthenticated",
    403: "NotAuthorised",
    409: "Conflict",
    412: "SupersededRelay",
    413: "TooLarge",
    415: "NotJson",
    421: "WrongRegion",
    422: "KeyConflict",
    429: "TooManyRequests",
    503: "Overloaded",
}


def parameters() -> dict[str, Node]:
    trace = "00-0af7651916cd43dd0000000000001267-0100000700001267-01"
    return {
        "PathKey": parameter("key", "path", "The idempotency key of the transaction.", _PATH_KEY_SCHEMA, KEY),
        "Key": parameter(
            c.H_KEY, "header", "The idempotency key, as in the IETF draft: in double quotes.", KEY_SCHEMA, c.key_field(KEY)
        ),
        "Attempt": parameter(c.H_ATTEMPT, "header", "Center, incarnation and exchange.", TOKEN_SCHEMA, ATTEMPT),
        "RelayCenter": parameter(c.H_RELAY_CENTER, "header", "Who calls.", TOKEN_SCHEMA, "tokyo"),
        "RelayEpoch": parameter(c.H_RELAY_EPOCH, "header", "Incarnation of that center's journal.", EPOCH_SCHEMA, 7),
        "RegionEpoch": parameter(c.H_REGION_EPOCH, "header", "The region epoch that the caller knows.", EPOCH_SCHEMA, 8),
        "Region": parameter(
            c.H_REGION,
            "header",
            "The region that the call is meant for, as it names itself in GET /v1/region; absent where that is not known, or "
            "where no header can hold it. Another region answers 421, whatever the epoch.",
            TOKEN_SCHEMA,
            "tokyo",
            required=False,
        ),
        "Purpose": parameter(
            c.H_PURPOSE,
            "header",
            "Of an inquiry that no terminal is told about: it does not count as an answer to its attempt.",
            {"type": "string", "enum": [c.PURPOSE_RECONCILIATION]},
            c.PURPOSE_RECONCILIATION,
            required=False,
        ),
        "Traceparent": parameter(c.H_TRACEPARENT, "header", "W3C trace context.", _TRACE_SCHEMA, trace, required=False),
    }


def parameter(name: str, place: str, description: str, schema: Node, example: Node, required: bool = True) -> Node:
    return {
        "name": name,
        "in": place,
        "required": required,
        "description": description,
        "schema": schema,
        "example": example,
    }


def refs(*names: str) -> list[Node]:
    return [{"$ref": f"#/components/parameters/{name}"} for name in names]


def header(description: str, schema: Node, example: Node, required: bool = True) -> Node:
    return {"description": description, "required": required, "schema": schema, "example": example}


def headers(has_key: bool) -> dict[str, Node]:
    key: dict[str, Node] = {c.H_KEY: {"$ref": "#/components/headers/Key"}} if has_key else {}
    return {**key, c.H_REGION_EPOCH: {"$ref": "#/components/headers/RegionEpoch"}}


def content(schema: str, **examples: msgspec.Struct) -> Node:
    return {
        JSON: {
            "schema": {"$ref": REF.format(name=schema)},
            "examples": {name: {"value": msgspec.to_builtins(example)} for name, example in examples.items()},
        }
    }


def body(schema: str, **examples: msgspec.Struct) -> Node:
    return {"required": True, "content": content(schema, **examples)}


def response(description: str, schema: str, has_key: bool, **examples: msgspec.Struct) -> Node:
    return {"description": description, "headers": headers(has_key), "content": content(schema, **examples)}


def problems(*statuses: int) -> dict[str, Node]:
    return {str(status): {"$ref": f"#/components/responses/{PROBLEM_NAMES[status]}"} for status in statuses}


def problem_response(status: int) -> Node:
    rows = [(problem, meaning) for (row_status, problem), (meaning, _, _) in PROBLEMS.items() if row_status == status]
    examples = {
        problem.rpartition(":")[2]: {
            "value": msgspec.to_builtins(
                c.Problem(type=problem, title=problem.rpartition(":")[2], status=status, detail=_MEANS[meaning], key=KEY)
            )
        }
        for problem, meaning in rows
    }
    retry: dict[str, Node] = {"Retry-After": {"$ref": "#/components/headers/RetryAfter"}} if status in (409, 429, 503) else {}
    return {
        "description": " ".join(f"{problem}: {_MEANS[meaning]}" for problem, meaning in rows),
        "headers": {**headers(False), **retry},
        "content": {PROBLEM_JSON: {"schema": {"$ref": REF.format(name="Problem")}, "examples": examples}},
    }
