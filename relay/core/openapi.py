"""The contract as OpenAPI 3.1: `python -m relay.core.openapi > config/core-api.openapi.yaml`. Pure.

Owns the document around the schemas: paths, headers, which problem may come where, examples. The schemas come from
relay/core/contract.py and the problems from the table in relay/core/mapping.py, so neither can say something else than the
relay does; a test compares the committed file. The trap: an example is made from the same structures, never typed in.
"""

from __future__ import annotations

import msgspec

from relay.core import contract as c
from relay.core.mapping import PROBLEMS, Meaning
from relay.core.yaml import Node, to_yaml

FILE = "config/core-api.openapi.yaml"
_JSON = "application/json"
_PROBLEM_JSON = "application/problem+json"
_REF = "#/components/schemas/{name}"
_KEY = "bank/iso8583/000001/ATM00042/01/000123/1124103059"
_ATTEMPT = "tokyo/7/4711"

_MEANS = {
    Meaning.NOT_PROCESSED: "This call posted nothing and never will.",
    Meaning.IN_PROGRESS: "The key is being worked on: inquire.",
    Meaning.TAKEN_OVER: "Another attempt of the key was answered since: the caller owes nothing any more.",
    Meaning.CONFLICT: "The key is known with another body: refused, and never reversed by the caller.",
}

_DESCRIPTION = """\
What a relay center asks of the core, and what it takes for an answer. The rules that no schema can say:

* Each call carries the caller's Region-Epoch, and the core compares it inside the posting transaction. Each answer
  carries the core's Region-Epoch; an answer without it, or from a lower epoch than the call, is no answer.
* The key is echoed on every answer to a call that has one. A repeated key returns the current state: after a reversal
  or a tombstone it is declined with reason "reversed", never the first approval again.
* A reversal states the absolute amount that stands, is monotone, and never credits more than was posted. On an unknown
  key it stores a tombstone: a later POST of that key is declined with reason "reversed".
* An automatic reversal names the attempt that it undoes; when another attempt of the key was answered since, it is
  refused with 409 superseded-attempt. A reversal that the terminal itself sent always applies.
* An inquiry's answer names the attempt that was answered last; where any other attempt than the asker's was ever
  answered, it names the newest of those. Reconciliation reverses by itself only what no other attempt was told.
* "Not processed" counts only with the problem type and the echoed key. A status without them, whoever sent it, leaves
  the outcome unknown to the caller, who will inquire or reverse.
* An approved amount is never above the asked one, nor in another currency.
* Members that a reader does not know are ignored. Amounts are strings of minor units.
"""


def document() -> dict[str, Node]:
    structs = [
        c.TransactionRequest,
        c.TransactionAnswer,
        c.Accepted,
        c.ReversalRequest,
        c.ReversalAnswer,
        c.InquiryAnswer,
        c.LedgerPage,
        c.NetworkEvent,
        c.RegionAnswer,
        c.Problem,
    ]
    _, schemas = msgspec.json.schema_components(structs, ref_template=_REF)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Core API of the relay center",
            "version": "1.0.0",
            "summary": "Stateless calls from a relay center to the cloud core, one per terminal message.",
            "description": _DESCRIPTION,
        },
        "servers": [{"url": "https://core.bank.internal", "description": "Any address of the active region's name"}],
        "security": [{"bearer": []}, {"clientCertificate": []}],
        "paths": {
            c.TRANSACTIONS_PATH: {"post": _post_transaction()},
            f"{c.TRANSACTIONS_PATH}/{{key}}": {"get": _inquire()},
            f"{c.TRANSACTIONS_PATH}/{{key}}{c.REVERSALS_SUFFIX}": {"post": _reverse()},
            f"{c.LEDGER_PATH}{{business_date}}": {"get": _ledger()},
            c.NETWORK_EVENTS_PATH: {"post": _tell()},
            c.REGION_PATH: {"get": _region()},
        },
        "components": {
            "schemas": dict(sorted(schemas.items())),
            "parameters": _parameters(),
            "headers": {
                "Key": _header("The key of the call, echoed.", _KEY_SCHEMA, c.key_field(_KEY)),
                "RegionEpoch": _header("The core's region epoch.", _EPOCH_SCHEMA, 8),
                "RetryAfter": _header("Seconds.", {"type": "integer", "minimum": 0}, 1, required=False),
                "Location": _header("Where to ask for the decision.", {"type": "string"}, f"{c.TRANSACTIONS_PATH}/abc"),
            },
            "responses": {name: _problem_response(status) for status, name in _PROBLEM_NAMES.items()},
            "securitySchemes": {
                "bearer": {"type": "http", "scheme": "bearer"},
                "clientCertificate": {"type": "mutualTLS"},
            },
        },
    }


# ---- paths ---------------------------------------------------------------------------------------------------------------


def _post_transaction() -> Node:
    answer = c.TransactionAnswer(
        key=_KEY,
        status="approved",
        authorisation_id="A1B2C3",
        balances=[c.BalanceEntry("10", "02", c.Amount("148000", "JPY"))],
    )
    declined = c.TransactionAnswer(key=_KEY, status="declined", reason="insufficient-funds")
    gone = c.TransactionAnswer(key=_KEY, status="declined", reason="reversed")
    return {
        "operationId": "postTransaction",
        "summary": "Do it, once",
        "parameters": _refs("Key", "Attempt", "RelayCenter", "RelayEpoch", "RegionEpoch", "Traceparent"),
        "requestBody": _body(
            "TransactionRequest",
            withdrawal=c.TransactionRequest(
                kind="withdrawal",
                channel="atm",
                realm="bank",
                terminal="ATM00042",
                acquirer="000001",
                trace="000123",
                amount=c.Amount("30000", "JPY"),
                card=c.Card(pan="4000001234567899", expiry="2912", entry_mode="051"),
                business_date="2026-11-24",
            ),
        ),
        "responses": {
            "200": _response(
                "The current state of the key.", "TransactionAnswer", True, approved=answer, declined=declined, reversed=gone
            ),
            "202": {
                "description": "Accepted, not decided yet: poll Location within the reply deadline.",
                "headers": {**_headers(True), "Location": {"$ref": "#/components/headers/Location"}},
                "content": _content("Accepted", accepted=c.Accepted(_KEY, 100)),
            },
            **_problems(400, 401, 403, 409, 412, 413, 415, 421, 422, 429, 503),
        },
    }


def _reverse() -> Node:
    return {
        "operationId": "reverseTransaction",
        "summary": "State what stands of a transaction",
        "parameters": _refs("PathKey", "Key", "Attempt", "RelayCenter", "RelayEpoch", "RegionEpoch", "Traceparent"),
        "requestBody": _body(
            "ReversalRequest",
            automatic=c.ReversalRequest(standing=c.Amount("0", "JPY"), automatic=True, attempt=_ATTEMPT),
            partial=c.ReversalRequest(standing=c.Amount("10000", "JPY")),
        ),
        "responses": {
            "200": _response(
                "What stands now; a tombstone where the key was unknown.",
                "ReversalAnswer",
                True,
                reversed=c.ReversalAnswer(key=_KEY, state="reversed", standing=c.Amount("0", "JPY")),
                tombstone=c.ReversalAnswer(key=_KEY, state="tombstone", standing=c.Amount("0", "JPY")),
            ),
            **_problems(400, 401, 403, 409, 412, 413, 415, 421, 429, 503),
        },
    }


def _inquire() -> Node:
    posted = c.TransactionAnswer(key=_KEY, status="approved", authorisation_id="A1B2C3")
    return {
        "operationId": "inquireTransaction",
        "summary": "What became of a key, read from the writer",
        "parameters": _refs("PathKey", "Key", "Attempt", "RelayCenter", "RelayEpoch", "RegionEpoch", "Purpose", "Traceparent"),
        "responses": {
            "200": _response(
                "The state of the key. not-found is a state, not a 404, and ends no doubt by itself.",
                "InquiryAnswer",
                True,
                posted=c.InquiryAnswer(key=_KEY, state="posted", answer=posted, standing=c.Amount("30000", "JPY")),
                unknown=c.InquiryAnswer(key=_KEY, state="not-found"),
            ),
            **_problems(400, 401, 403, 409, 412, 421, 429, 503),
        },
    }


def _ledger() -> Node:
    entry = c.LedgerEntry(
        key=_KEY,
        kind="withdrawal",
        terminal="ATM00042",
        state="posted",
        trace="000123",
        amount=c.Amount("30000", "JPY"),
        standing=c.Amount("30000", "JPY"),
        posted_at_ms=1_795_485_059_000,
    )
    total = c.LedgerTotal("ATM00042", "withdrawal", 1, c.Amount("30000", "JPY"))
    return {
        "operationId": "listLedger",
        "summary": "What the ledger holds of one business date, page by page",
        "parameters": [
            _parameter("business_date", "path", "The bank's accounting day.", _DATE_SCHEMA, "2026-11-24"),
            _parameter("terminal", "query", "One terminal only.", _SHORT_SCHEMA, "ATM00042", required=False),
            _parameter("cursor", "query", "next_cursor of the page before.", _SHORT_SCHEMA, "500", required=False),
            *_refs("RelayCenter", "RelayEpoch", "RegionEpoch", "Traceparent"),
        ],
        "responses": {
            "200": _response(
                "Entries, and totals on the last page.",
                "LedgerPage",
                False,
                page=c.LedgerPage(business_date="2026-11-24", entries=[entry], totals=[total]),
            ),
            **_problems(400, 401, 403, 412, 421, 429, 503),
        },
    }


def _tell() -> Node:
    return {
        "operationId": "tellNetworkEvent",
        "summary": "A session came up or went down, a status message; with a key, a report that must not be lost",
        "description": _TELL_DESCRIPTION,
        "parameters": [
            _parameter(c.H_KEY, "header", _REPORT_KEY_TEXT, _KEY_SCHEMA, c.key_field(_REPORT_KEY), required=False),
            *_refs("RelayCenter", "RelayEpoch", "RegionEpoch", "Traceparent"),
        ],
        "requestBody": _body(
            "NetworkEvent",
            up=c.NetworkEvent(event="session-up", terminal="ATM00042", listener="atm", at_ms=1_795_485_059_000),
            delivery=c.NetworkEvent(
                event="outbound-delivery",
                listener="switch",
                at_ms=1_795_485_061_000,
                detail={
                    "key": "cutover-2026-11-25-1",
                    "kind": "cutover",
                    "state": "acknowledged",
                    "recorded_ms": "1795485059000",
                    "sent_ms": "1795485060000",
                },
            ),
        ),
        "responses": {
            "204": {
                "description": "Noted. The key is echoed where there was one.",
                "headers": {
                    **_headers(False),
                    c.H_KEY: _header("The key of the call, echoed.", _KEY_SCHEMA, c.key_field(_REPORT_KEY), required=False),
                },
            },
            **_problems(400, 401, 403, 412, 413, 415, 421, 422, 429, 503),
        },
    }


def _region() -> Node:
    return {
        "operationId": "region",
        "summary": "Which region this is, in which epoch, and whether it may be asked; cheap, and probed all the time",
        "parameters": _refs("RelayCenter", "RelayEpoch", "RegionEpoch", "Traceparent"),
        "responses": {
            "200": _response(
                "Answered in every state, to every epoch.", "RegionAnswer", False, tokyo=c.RegionAnswer("tokyo", 8, "serving")
            ),
            **_problems(400, 401, 403, 429, 503),
        },
    }


# ---- parts ---------------------------------------------------------------------------------------------------------------

_KEY_SCHEMA: Node = {"type": "string", "minLength": 1, "maxLength": 512, "description": "A structured-field string"}
_REPORT_KEY_TEXT = "The key of a report, as in the IETF draft: in double quotes."
_REPORT_KEY = "tokyo/outbound/7000000000042/acknowledged"
_TELL_DESCRIPTION = """\
Without Idempotency-Key it is information only, sent once and not repeated. With one it is a report that the relay repeats,
in every life of it, until this call is answered with 204, the key echoed and a Region-Epoch that is not old. The core
takes a key once, and answers a repeat with 204 again.

The event "outbound-delivery" says what became of a message that the core posted to the relay's /v1/outbound: detail has
its "key", "kind" and "state" (acknowledged, unknown, failed or cancelled), "recorded_ms", "sent_ms" where it may have
been sent, "reason" (expired) where its time was over before it could be sent, and for people "detail". An unknown one
may be reported again, as acknowledged or failed, under another key.
"""
_EPOCH_SCHEMA: Node = {"type": "integer", "minimum": 0, "maximum": 2**53 - 1}
_SHORT_SCHEMA: Node = {"type": "string", "maxLength": 255}
_TOKEN_SCHEMA: Node = {"type": "string", "minLength": 1, "maxLength": 255, "pattern": "^[ -~]+$"}
_DATE_SCHEMA: Node = {"type": "string", "pattern": "^[0-9]{4}-[0-9]{2}-[0-9]{2}$"}
_PATH_KEY_SCHEMA: Node = {"type": "string", "minLength": 1, "maxLength": 255, "pattern": "^[!-~]+$"}
_TRACE_SCHEMA: Node = {"type": "string", "pattern": "^00-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}$"}

_PROBLEM_NAMES = {
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


def _parameters() -> dict[str, Node]:
    trace = "00-0af7651916cd43dd0000000000001267-0100000700001267-01"
    return {
        "PathKey": _parameter("key", "path", "The idempotency key of the transaction.", _PATH_KEY_SCHEMA, _KEY),
        "Key": _parameter(
            c.H_KEY, "header", "The idempotency key, as in the IETF draft: in double quotes.", _KEY_SCHEMA, c.key_field(_KEY)
        ),
        "Attempt": _parameter(c.H_ATTEMPT, "header", "Center, incarnation and exchange.", _TOKEN_SCHEMA, _ATTEMPT),
        "RelayCenter": _parameter(c.H_RELAY_CENTER, "header", "Who calls.", _TOKEN_SCHEMA, "tokyo"),
        "RelayEpoch": _parameter(c.H_RELAY_EPOCH, "header", "Incarnation of that center's journal.", _EPOCH_SCHEMA, 7),
        "RegionEpoch": _parameter(c.H_REGION_EPOCH, "header", "The region epoch that the caller knows.", _EPOCH_SCHEMA, 8),
        "Purpose": _parameter(
            c.H_PURPOSE,
            "header",
            "Of an inquiry that no terminal is told about: it does not count as an answer to its attempt.",
            {"type": "string", "enum": [c.PURPOSE_RECONCILIATION]},
            c.PURPOSE_RECONCILIATION,
            required=False,
        ),
        "Traceparent": _parameter(c.H_TRACEPARENT, "header", "W3C trace context.", _TRACE_SCHEMA, trace, required=False),
    }


def _parameter(name: str, place: str, description: str, schema: Node, example: Node, required: bool = True) -> Node:
    return {
        "name": name,
        "in": place,
        "required": required,
        "description": description,
        "schema": schema,
        "example": example,
    }


def _refs(*names: str) -> list[Node]:
    return [{"$ref": f"#/components/parameters/{name}"} for name in names]


def _header(description: str, schema: Node, example: Node, required: bool = True) -> Node:
    return {"description": description, "required": required, "schema": schema, "example": example}


def _headers(has_key: bool) -> dict[str, Node]:
    key: dict[str, Node] = {c.H_KEY: {"$ref": "#/components/headers/Key"}} if has_key else {}
    return {**key, c.H_REGION_EPOCH: {"$ref": "#/components/headers/RegionEpoch"}}


def _content(schema: str, **examples: msgspec.Struct) -> Node:
    return {
        _JSON: {
            "schema": {"$ref": _REF.format(name=schema)},
            "examples": {name: {"value": msgspec.to_builtins(example)} for name, example in examples.items()},
        }
    }


def _body(schema: str, **examples: msgspec.Struct) -> Node:
    return {"required": True, "content": _content(schema, **examples)}


def _response(description: str, schema: str, has_key: bool, **examples: msgspec.Struct) -> Node:
    return {"description": description, "headers": _headers(has_key), "content": _content(schema, **examples)}


def _problems(*statuses: int) -> dict[str, Node]:
    return {str(status): {"$ref": f"#/components/responses/{_PROBLEM_NAMES[status]}"} for status in statuses}


def _problem_response(status: int) -> Node:
    rows = [(problem, meaning) for (row_status, problem), (meaning, _, _) in PROBLEMS.items() if row_status == status]
    examples = {
        problem.rpartition(":")[2]: {
            "value": msgspec.to_builtins(
                c.Problem(type=problem, title=problem.rpartition(":")[2], status=status, detail=_MEANS[meaning], key=_KEY)
            )
        }
        for problem, meaning in rows
    }
    retry: dict[str, Node] = {"Retry-After": {"$ref": "#/components/headers/RetryAfter"}} if status in (409, 429, 503) else {}
    return {
        "description": " ".join(f"{problem}: {_MEANS[meaning]}" for problem, meaning in rows),
        "headers": {**_headers(False), **retry},
        "content": {_PROBLEM_JSON: {"schema": {"$ref": _REF.format(name="Problem")}, "examples": examples}},
    }


def text() -> str:
    """The committed file, with the line that says where it comes from."""
    return f"# Generated from relay/core/contract.py: python -m relay.core.openapi > {FILE}\n{to_yaml(document())}"


if __name__ == "__main__":
    print(text(), end="")
