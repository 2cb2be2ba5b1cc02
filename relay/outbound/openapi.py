"""What the relay serves, as OpenAPI 3.1: `python -m relay.outbound.openapi > config/relay-api.openapi.yaml`. Pure.

Owns the document around the schemas: paths, headers, which problem may come where, examples. The schemas come from
relay/outbound/contract.py, so that the file cannot say something else than the relay does; a test compares the committed
file, another asks a running relay. The trap: an example is made from the same structures, never typed in.
"""

from __future__ import annotations

import msgspec

from relay.core.contract import H_KEY, Problem, key_field
from relay.core.yaml import Node, to_yaml
from relay.outbound import contract as c

FILE = "config/relay-api.openapi.yaml"
_JSON = "application/json"
_PROBLEM_JSON = "application/problem+json"
_REF = "#/components/schemas/{name}"
_KEY = "cutover-2026-11-25-1"
_MS = 1_795_485_059_000

_DESCRIPTION = """\
What a relay center serves to the core (and to operators' tools): messages that the core starts. The rules that no
schema can say:

* A message is taken once. The same key with the same message is answered with its current state, in every life of the
  relay, for as long as keys are kept (journal.duplicate_window_days after its end); the same key with another message is
  refused with 422. So a post that was not answered is repeated with the same key, and with no other.
* A key belongs to the relay center that it was posted to. Repeat it there, and post it to no other center: each has a
  journal of its own, and two centers would send it twice. A message of a center that is gone is settled by people, or
  when its journal has been taken over.
* 202 means that it is durable. 503 means that it was not taken, or (no-journal) that nobody knows: repeat the key.
* Messages of one line (listener and line) are sent in the order in which they were taken, one at a time. A line without
  a link, or not ready, keeps its messages queued.
* A message whose first byte may have left is never sent again by the relay itself. Without an acknowledgement it ends as
  unknown: a person, or later evidence of the line, may turn it into acknowledged or failed.
* With expires_ms a message is not begun with from then on, and ends as failed with the reason expired; it is compared like
  the rest of the message. What is under way does not expire.
* Every end is reported to the core by POST /v1/network-events with an Idempotency-Key, repeated until it is confirmed;
  see the core's API. Until then is_reported is false.
* Members that the reader does not know are ignored, except inside body, which is the dialect's own.

Kinds of ISO 8583 lines: echo, sign-on, sign-off (no members), cutover (business_date: YYYY-MM-DD, optional) and
key-exchange (data: DE 96 in hexadecimal, optional). The far end's answer is the acknowledgement; an answer with another
code than approval is failed. Of other lines: atm-command (NDC), notice (branch), interbank-transfer and its relatives
(Zengin RC), zengin-file and zengin-fetch (Zengin files); docs/outbound.md leads to their bodies.
"""
_PROBLEMS: dict[int, tuple[str, tuple[tuple[str, str], ...]]] = {
    400: ("Invalid", ((c.PROBLEM_INVALID, "Not a request of this contract."),)),
    403: ("NotAuthorised", ((c.PROBLEM_NOT_AUTHORISED, "The certificate's name is not one of outbound.clients."),)),
    404: ("NotFound", ((c.PROBLEM_NOT_FOUND, "No message has this key, or its key is no longer kept."),)),
    409: ("NotCancellable", ((c.PROBLEM_NOT_CANCELLABLE, "It waits no longer; nothing was changed."),)),
    413: ("TooLarge", ((c.PROBLEM_INVALID, "The head or the body is over its limit (outbound.body_bytes_max)."),)),
    415: ("NotJson", ((c.PROBLEM_INVALID, "The body is not application/json."),)),
    422: (
        "Refused",
        (
            (c.PROBLEM_KEY_CONFLICT, "The key was posted with another message. Nothing was changed."),
            (c.PROBLEM_UNKNOWN_LINE, "There is no such listener or dialer, or no link of it can ever be that of this line."),
        ),
    ),
    503: (
        "NotTaken",
        (
            (c.PROBLEM_OVERLOADED, "Too many messages or connections are open."),
            (c.PROBLEM_NO_JOURNAL, "The journal cannot be written now: repeat with the same key."),
            (c.PROBLEM_DRAINING, "The relay is stopping: repeat with the same key."),
        ),
    ),
}


def document() -> dict[str, Node]:
    _, schemas = msgspec.json.schema_components([c.OutboundRequest, c.OutboundStatus, Problem], ref_template=_REF)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Outbound API of the relay center",
            "version": "1.0.0",
            "summary": "Messages that the core starts: durable, in order per line, their delivery reported.",
            "description": _DESCRIPTION,
        },
        "servers": [{"url": "https://relay.bank.internal:9443", "description": "outbound.endpoint of each relay center"}],
        "security": [{"clientCertificate": []}],
        "paths": {
            c.OUTBOUND_PATH: {"post": _post()},
            f"{c.OUTBOUND_PATH}/{{key}}": {"get": _get(), "delete": _delete()},
        },
        "components": {
            "schemas": dict(sorted(schemas.items())),
            "parameters": {
                "Key": _parameter(H_KEY, "header", "As in the IETF draft: in double quotes.", _KEY_HEADER, key_field(_KEY)),
                "PathKey": _parameter("key", "path", "The key that it was posted with.", _PATH_KEY, _KEY),
            },
            "headers": {
                "Key": _header("The key, echoed.", _KEY_HEADER, key_field(_KEY)),
                "Location": _header("Where the message is found.", {"type": "string"}, f"{c.OUTBOUND_PATH}/{_KEY}"),
                "RetryAfter": _header("Seconds.", {"type": "integer", "minimum": 0}, 1),
            },
            "responses": {name: _problem_response(status) for status, (name, _) in _PROBLEMS.items()},
            "securitySchemes": {"clientCertificate": {"type": "mutualTLS"}},
        },
    }


# ---- paths ---------------------------------------------------------------------------------------------------------------
def _status(state: str, **more: object) -> c.OutboundStatus:
    base = {"key": _KEY, "listener": "switch", "kind": "cutover", "recorded_ms": _MS, "updated_ms": _MS}
    return msgspec.convert({**base, "state": state, **more}, c.OutboundStatus)


_SENT = {"sent_ms": _MS + 20, "updated_ms": _MS + 20}
_ENDED = {"sent_ms": _MS + 20, "updated_ms": _MS + 180}


def _post() -> Node:
    cutover = c.OutboundRequest(listener="switch", kind="cutover", body=msgspec.Raw(b'{"business_date":"2026-11-25"}'))
    echo = c.OutboundRequest(listener="atm", line="ATM00042", kind="echo")
    return {
        "operationId": "postOutbound",
        "summary": "Take a message for a line, once",
        "parameters": _refs("Key"),
        "requestBody": {"required": True, "content": _content("OutboundRequest", cutover=cutover, echo=echo)},
        "responses": {
            "200": _response("Taken before: where it stands.", acknowledged=_status("acknowledged", **_ENDED)),
            "202": {
                "description": "Taken, durable, and queued.",
                "headers": {**_KEY_ECHO, "Location": {"$ref": "#/components/headers/Location"}},
                "content": _content("OutboundStatus", queued=_status("queued")),
            },
            **_problems(400, 403, 413, 415, 422, 503),
        },
    }


def _get() -> Node:
    return {
        "operationId": "getOutbound",
        "summary": "Where a message stands",
        "parameters": _refs("PathKey"),
        "responses": {
            "200": _response(
                "Its state, as it is on disk.",
                queued=_status("queued"),
                sent=_status("sent", **_SENT),
                unknown=_status("unknown", **_ENDED, detail="no answer within 15000 ms", is_reported=True),
                failed=_status("failed", **_ENDED, detail="refused with code '91'", is_reported=True),
            ),
            **_problems(400, 403, 404, 503),
        },
    }


def _delete() -> Node:
    return {
        "operationId": "cancelOutbound",
        "summary": "Cancel a message while it is queued",
        "parameters": _refs("PathKey"),
        "responses": {
            "200": _response(
                "Cancelled, now or before; it is never sent.",
                cancelled=_status("cancelled", updated_ms=_MS + 900, detail="cancelled by the core"),
            ),
            **_problems(400, 403, 404, 409, 503),
        },
    }


# ---- parts ---------------------------------------------------------------------------------------------------------------
_KEY_HEADER: Node = {"type": "string", "minLength": 1, "maxLength": 512, "description": "A structured-field string"}
_PATH_KEY: Node = {"type": "string", "minLength": 1, "maxLength": 255, "pattern": "^[!-~]+$"}
_KEY_ECHO: dict[str, Node] = {H_KEY: {"$ref": "#/components/headers/Key"}}


def _parameter(name: str, place: str, description: str, schema: Node, example: Node) -> Node:
    return {"name": name, "in": place, "required": True, "description": description, "schema": schema, "example": example}


def _refs(*names: str) -> list[Node]:
    return [{"$ref": f"#/components/parameters/{name}"} for name in names]


def _header(description: str, schema: Node, example: Node) -> Node:
    return {"description": description, "required": True, "schema": schema, "example": example}


def _content(schema: str, **examples: msgspec.Struct) -> Node:
    values = {name: {"value": msgspec.json.decode(msgspec.json.encode(example))} for name, example in examples.items()}
    return {_JSON: {"schema": {"$ref": _REF.format(name=schema)}, "examples": values}}


def _response(description: str, **examples: msgspec.Struct) -> Node:
    return {"description": description, "headers": _KEY_ECHO, "content": _content("OutboundStatus", **examples)}


def _problems(*statuses: int) -> dict[str, Node]:
    return {str(status): {"$ref": f"#/components/responses/{_PROBLEMS[status][0]}"} for status in statuses}


def _problem_response(status: int) -> Node:
    rows = _PROBLEMS[status][1]
    examples = {}
    for kind, means in rows:
        name = kind.rpartition(":")[2]
        example = Problem(type=kind, title=name, status=status, detail=means, key=_KEY)
        examples[name] = {"value": msgspec.to_builtins(example)}
    retry: dict[str, Node] = {"Retry-After": {"$ref": "#/components/headers/RetryAfter"}} if status == 503 else {}
    return {
        "description": " ".join(f"{kind}: {means}" for kind, means in rows),
        **({"headers": retry} if retry else {}),
        "content": {_PROBLEM_JSON: {"schema": {"$ref": _REF.format(name="Problem")}, "examples": examples}},
    }


def text() -> str:
    """The committed file, with the line that says where it comes from."""
    return f"# Generated from relay/outbound/contract.py: python -m relay.outbound.openapi > {FILE}\n{to_yaml(document())}"


if __name__ == "__main__":
    print(text(), end="")
