"""The contract as OpenAPI 3.1: `python -m relay.core.openapi > config/core-api.openapi.yaml`. Pure.

Owns the document around the schemas: paths, headers, which problem may come where, examples. The schemas come from
relay/core/contract.py and the problems from the table in relay/core/mapping.py, so neither can say something else than the
relay does; a test compares the committed file. The trap: an example is made from the same structures, never typed in.
"""

from __future__ import annotations

import msgspec

from relay.core import contract as c
from relay.core.openapiparts import (
    ATTEMPT,
    DATE_SCHEMA,
    EPOCH_SCHEMA,
    KEY,
    KEY_SCHEMA,
    PROBLEM_NAMES,
    REF,
    SHORT_SCHEMA,
    TOKEN_SCHEMA,
    body,
    content,
    header,
    headers,
    parameter,
    parameters,
    problem_response,
    problems,
    refs,
    response,
)
from relay.core.yaml import Node, to_yaml

FILE = "config/core-api.openapi.yaml"

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
* An automatic reversal that is "untold" says more: its attempt told nobody "approved", and never will. The core keeps that,
  also where it refuses. It undoes once every attempt of the key that it answered is untold; where one is not, and was
  answered before, it refuses with 409 contested-attempt. What an untold attempt is answered later counts for nothing.
* An inquiry's answer names the attempt that was answered last; where any other attempt than the asker's was ever
  answered, it names the newest of those; none that is untold, but the asker's own. Reconciliation reverses by itself only
  what no other attempt was told.
* "Not processed" counts only with the problem type and the echoed key. A status without them, whoever sent it, leaves
  the outcome unknown to the caller, who will inquire or reverse.
* An approved amount is never above the asked one, nor in another currency.
* A relay center that is lost is taken over by the other one, which first has the core fence it: from then on a call of that
  center below the fence is refused with 412, inside the posting transaction, for ever, whatever it says of itself.
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
        c.FenceRequest,
        c.CenterAnswer,
        c.Problem,
    ]
    _, schemas = msgspec.json.schema_components(structs, ref_template=REF)
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
            f"{c.CENTERS_PATH}{{center}}": {"get": _center()},
            f"{c.CENTERS_PATH}{{center}}{c.FENCE_SUFFIX}": {"put": _fence()},
        },
        "components": {
            "schemas": dict(sorted(schemas.items())),
            "parameters": parameters(),
            "headers": {
                "Key": header("The key of the call, echoed.", KEY_SCHEMA, c.key_field(KEY)),
                "RegionEpoch": header("The core's region epoch.", EPOCH_SCHEMA, 8),
                "RetryAfter": header("Seconds.", {"type": "integer", "minimum": 0}, 1, required=False),
                "Location": header("Where to ask for the decision.", {"type": "string"}, f"{c.TRANSACTIONS_PATH}/abc"),
            },
            "responses": {name: problem_response(status) for status, name in PROBLEM_NAMES.items()},
            "securitySchemes": {
                "bearer": {"type": "http", "scheme": "bearer"},
                "clientCertificate": {"type": "mutualTLS"},
            },
        },
    }


# ---- paths ---------------------------------------------------------------------------------------------------------------


def _post_transaction() -> Node:
    answer = c.TransactionAnswer(
        key=KEY,
        status="approved",
        authorisation_id="A1B2C3",
        balances=[c.BalanceEntry("10", "02", c.Amount("148000", "JPY"))],
    )
    declined = c.TransactionAnswer(key=KEY, status="declined", reason="insufficient-funds")
    gone = c.TransactionAnswer(key=KEY, status="declined", reason="reversed")
    return {
        "operationId": "postTransaction",
        "summary": "Do it, once",
        "parameters": refs("Key", "Attempt", "RelayCenter", "RelayEpoch", "RegionEpoch", "Region", "Traceparent"),
        "requestBody": body(
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
            "200": response(
                "The current state of the key.", "TransactionAnswer", True, approved=answer, declined=declined, reversed=gone
            ),
            "202": {
                "description": "Accepted, not decided yet: poll Location within the reply deadline.",
                "headers": {**headers(True), "Location": {"$ref": "#/components/headers/Location"}},
                "content": content("Accepted", accepted=c.Accepted(KEY, 100)),
            },
            **problems(400, 401, 403, 409, 412, 413, 415, 421, 422, 429, 503),
        },
    }


def _reverse() -> Node:
    return {
        "operationId": "reverseTransaction",
        "summary": "State what stands of a transaction",
        "parameters": refs("PathKey", "Key", "Attempt", "RelayCenter", "RelayEpoch", "RegionEpoch", "Region", "Traceparent"),
        "requestBody": body(
            "ReversalRequest",
            automatic=c.ReversalRequest(standing=c.Amount("0", "JPY"), automatic=True, attempt=ATTEMPT),
            untold=c.ReversalRequest(standing=c.Amount("0", "JPY"), automatic=True, attempt=ATTEMPT, untold=True),
            partial=c.ReversalRequest(standing=c.Amount("10000", "JPY")),
        ),
        "responses": {
            "200": response(
                "What stands now; a tombstone where the key was unknown.",
                "ReversalAnswer",
                True,
                reversed=c.ReversalAnswer(key=KEY, state="reversed", standing=c.Amount("0", "JPY")),
                tombstone=c.ReversalAnswer(key=KEY, state="tombstone", standing=c.Amount("0", "JPY")),
            ),
            **problems(400, 401, 403, 409, 412, 413, 415, 421, 429, 503),
        },
    }


def _inquire() -> Node:
    posted = c.TransactionAnswer(key=KEY, status="approved", authorisation_id="A1B2C3")
    return {
        "operationId": "inquireTransaction",
        "summary": "What became of a key, read from the writer",
        "parameters": refs(
            "PathKey", "Key", "Attempt", "RelayCenter", "RelayEpoch", "RegionEpoch", "Region", "Purpose", "Traceparent"
        ),
        "responses": {
            "200": response(
                "The state of the key. not-found is a state, not a 404, and ends no doubt by itself.",
                "InquiryAnswer",
                True,
                posted=c.InquiryAnswer(key=KEY, state="posted", answer=posted, standing=c.Amount("30000", "JPY")),
                unknown=c.InquiryAnswer(key=KEY, state="not-found"),
            ),
            **problems(400, 401, 403, 409, 412, 421, 429, 503),
        },
    }


def _ledger() -> Node:
    entry = c.LedgerEntry(
        key=KEY,
        kind="withdrawal",
        terminal="ATM00042",
        state="posted",
        trace="000123",
        amount=c.Amount("30000", "JPY"),
        standing=c.Amount("30000", "JPY"),
        posted_at_ms=1_795_485_059_000,
        center="tokyo",
    )
    total = c.LedgerTotal("ATM00042", "withdrawal", 1, c.Amount("30000", "JPY"), "tokyo")
    return {
        "operationId": "listLedger",
        "summary": "What the ledger holds of one business date, page by page",
        "parameters": [
            parameter("business_date", "path", "The bank's accounting day.", DATE_SCHEMA, "2026-11-24"),
            parameter("terminal", "query", "One terminal only.", SHORT_SCHEMA, "ATM00042", required=False),
            parameter("cursor", "query", "next_cursor of the page before.", SHORT_SCHEMA, "500", required=False),
            *refs("RelayCenter", "RelayEpoch", "RegionEpoch", "Region", "Traceparent"),
        ],
        "responses": {
            "200": response(
                "Entries, and totals on the last page.",
                "LedgerPage",
                False,
                page=c.LedgerPage(business_date="2026-11-24", entries=[entry], totals=[total]),
            ),
            **problems(400, 401, 403, 412, 421, 429, 503),
        },
    }


def _tell() -> Node:
    return {
        "operationId": "tellNetworkEvent",
        "summary": "A session came up or went down, a status message; with a key, a report that must not be lost",
        "description": _TELL_DESCRIPTION,
        "parameters": [
            parameter(c.H_KEY, "header", _REPORT_KEY_TEXT, KEY_SCHEMA, c.key_field(_REPORT_KEY), required=False),
            *refs("RelayCenter", "RelayEpoch", "RegionEpoch", "Region", "Traceparent"),
        ],
        "requestBody": body(
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
                    **headers(False),
                    c.H_KEY: header("The key of the call, echoed.", KEY_SCHEMA, c.key_field(_REPORT_KEY), required=False),
                },
            },
            **problems(400, 401, 403, 412, 413, 415, 421, 422, 429, 503),
        },
    }


def _region() -> Node:
    return {
        "operationId": "region",
        "summary": "Which region this is, in which epoch, and whether it may be asked; cheap, and probed all the time",
        "parameters": refs("RelayCenter", "RelayEpoch", "RegionEpoch", "Traceparent"),
        "responses": {
            "200": response(
                "Answered in every state, to every epoch.", "RegionAnswer", False, tokyo=c.RegionAnswer("tokyo", 8, "serving")
            ),
            **problems(400, 401, 403, 429, 503),
        },
    }


def _center() -> Node:
    return {
        "operationId": "relayCenter",
        "summary": "Which life of a relay center is listened to, and who fenced those before it; read from the writer",
        "parameters": [_CENTER, *refs("RelayCenter", "RelayEpoch", "RegionEpoch", "Region", "Traceparent")],
        "responses": {
            "200": response(
                "Answered to a center that is fenced, too.",
                "CenterAnswer",
                False,
                never=c.CenterAnswer(center="tokyo", newest=7),
                fenced=_FENCED,
            ),
            **problems(400, 401, 403, 421, 429, 503),
        },
    }


def _fence() -> Node:
    return {
        "operationId": "fenceRelayCenter",
        "summary": "From now on refuse every call of a relay center below a Relay-Epoch",
        "description": _FENCE_DESCRIPTION,
        "parameters": [_CENTER, *refs("RelayCenter", "RelayEpoch", "RegionEpoch", "Region", "Traceparent")],
        "requestBody": body(
            "FenceRequest",
            tokyo=c.FenceRequest(relay_epoch=_FENCED.fence, run=_FENCED.run, reason="no power; Sato and Suzuki signed"),
        ),
        "responses": {
            "200": response("It is fenced, now or since an earlier try.", "CenterAnswer", False, fenced=_FENCED),
            **problems(400, 401, 403, 409, 412, 413, 415, 421, 429, 503),
        },
    }


_CENTER = parameter("center", "path", "Name of a relay center, as in Relay-Center.", TOKEN_SCHEMA, "tokyo")
_FENCED = c.CenterAnswer(center="tokyo", newest=10_000_000, fence=10_000_000, run="osaka-1795485059000", by="osaka")
_FENCE_DESCRIPTION = """\
Done inside the posting transaction, durable, and copied to the standby region like every posting. Safe to repeat: the
same run with the same number is answered as before, also after calls above the fence were heard. Another fence, at or
below what was heard of the center already, is refused with 409 fence-behind. It is answered while the region is
blocked, too, for it moves no money.
"""


# ---- reports ---------------------------------------------------------------------------------------------------------------

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


def text() -> str:
    """The committed file, with the line that says where it comes from."""
    return f"# Generated from relay/core/contract.py: python -m relay.core.openapi > {FILE}\n{to_yaml(document())}"


if __name__ == "__main__":
    print(text(), end="")
