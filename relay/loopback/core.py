"""The fake core: one HTTP request in, one answer out, exactly as relay/core/contract.py says. Pure.

Owns the routes, the strict reading of headers and bodies, and the problem documents. It must never know a socket, a clock
or a fault. The traps: the echoed key and the Region-Epoch belong on *every* answer, errors included, because a relay
believes a "not processed" only with both; and a body is read before the ledger is asked, so that nothing half valid posts.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from email.utils import formatdate
from typing import TypeVar
from urllib.parse import parse_qs, quote, unquote

import msgspec

from relay.core import contract as c
from relay.loopback.ledger import NETWORK_EVENTS_KEPT, Caller, Ledger, Refused

JSON = "application/json"
PROBLEM_JSON = "application/problem+json"
EPOCH_MAX = 2**53 - 1
BODY_BYTES_MAX = 1_048_576

_KEY = re.compile(r"[!-~]{1,255}\Z")
_PRINTABLE = re.compile(r"[ -~]{1,255}\Z")
_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}\Z")
_TRACEPARENT = re.compile(r"00-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}\Z")
_CURSOR = re.compile(r"[0-9]{1,15}\Z")

BodyT = TypeVar("BodyT")


class CoreAnswer(msgspec.Struct, frozen=True):
    """What goes on the wire. `headers` are complete but for Content-Length and Connection."""

    status: int
    headers: tuple[tuple[str, str], ...]
    body: bytes
    content_type: str = JSON


class _Bad(Exception):
    """A request that the contract forbids; becomes a problem document."""

    def __init__(self, status: int, detail: str, headers: tuple[tuple[str, str], ...] = ()) -> None:
        super().__init__(detail)
        self.status = status
        self.detail = detail
        self.headers = headers


class _Waiting(msgspec.Struct, frozen=True):
    """A transaction that an asynchronous core has accepted and not yet decided."""

    request: c.TransactionRequest
    caller: Caller
    due_ms: int


class _Call(msgspec.Struct, frozen=True):
    """One HTTP request with its names taken apart."""

    method: str
    rest: str  # of the path, still percent-encoded
    query: str
    headers: Mapping[str, str]
    body: bytes
    wall_ms: int


class FakeCore:
    """`asynchronous_ms` above 0 makes it answer 202 + Location, and decide that many milliseconds later."""

    def __init__(self, ledger: Ledger | None = None, asynchronous_ms: int = 0) -> None:
        self.ledger = Ledger() if ledger is None else ledger
        self.asynchronous_ms = asynchronous_ms
        self.has_writer = True  # False: its database changes its writer, so it reads, and writes nothing
        self.calls: dict[str, int] = {}  # per verb, for people and tests
        self.reports: dict[str, c.NetworkEvent] = {}  # by key, oldest first
        self._waiting: dict[str, _Waiting] = {}
        self._encode = msgspec.json.Encoder().encode
        self._read_transaction = msgspec.json.Decoder(c.TransactionRequest).decode
        self._read_reversal = msgspec.json.Decoder(c.ReversalRequest).decode
        self._read_event = msgspec.json.Decoder(c.NetworkEvent).decode
        self._read_fence = msgspec.json.Decoder(c.FenceRequest).decode

    def handle(self, method: str, target: str, headers: Mapping[str, str], body: bytes, wall_ms: int) -> CoreAnswer:
        """Answer one request. `target` is the raw request target, `headers` have lower-case names, `wall_ms` is UTC.

        Never raises for anything a caller can send.
        """
        if self._waiting:
            self.settle(wall_ms)
        key = c.read_key_field(headers.get("idempotency-key", ""))
        if not _KEY.match(key):
            key = ""
        path, _, query = target.partition("?")
        if not self.has_writer and method in ("POST", "PUT"):
            return self._refuse(Refused(503, c.PROBLEM_OVERLOADED, "the database has no writer", retry_after_s=1), key, key)
        try:
            if path == c.TRANSACTIONS_PATH:
                self._allow(method, "POST")
                return self._post(_Call(method, "", query, headers, body, wall_ms), key)
            return self._route(method, path, query, headers, body, wall_ms, key)
        except _Bad as bad:
            problem = c.Problem(type=c.PROBLEM_INVALID, title="invalid", status=bad.status, detail=bad.detail[:2_000], key=key)
            return self._answer(bad.status, problem, key, bad.headers, PROBLEM_JSON)

    def settle(self, wall_ms: int) -> None:
        """Decide what an asynchronous core has had waiting until `wall_ms`; needed once after the last call."""
        for key in [k for k, w in self._waiting.items() if w.due_ms <= wall_ms]:
            waiting = self._waiting.pop(key)
            self.ledger.post(key, waiting.request, waiting.caller, wall_ms)

    # ---- routes ----------------------------------------------------------------------------------------------------------
    def _route(
        self, method: str, path: str, query: str, headers: Mapping[str, str], body: bytes, wall_ms: int, key: str
    ) -> CoreAnswer:
        if path == c.REGION_PATH:
            self._allow(method, "GET")
            self._count("region")
            _caller(headers, has_attempt=False)  # answered in every state, to every epoch, but not to nobody
            said = c.RegionAnswer(self.ledger.region, self.ledger.epoch, self.ledger.state)
            return self._answer(200, said, key, (("Date", formatdate(wall_ms / 1_000, usegmt=True)),))
        if path == c.NETWORK_EVENTS_PATH:
            self._allow(method, "POST")
            return self._tell(_Call(method, "", query, headers, body, wall_ms), key)
        if path.startswith(c.CENTERS_PATH):
            return self._center(_Call(method, path[len(c.CENTERS_PATH) :], query, headers, body, wall_ms), key)
        if path.startswith(c.LEDGER_PATH):
            rest = path[len(c.LEDGER_PATH) :]
            if rest and "/" not in rest:
                self._allow(method, "GET")
                return self._page(_Call(method, rest, query, headers, body, wall_ms), key)
        if path.startswith(c.TRANSACTIONS_PATH + "/"):
            rest = path[len(c.TRANSACTIONS_PATH) + 1 :]
            if rest.endswith(c.REVERSALS_SUFFIX):
                rest = rest[: -len(c.REVERSALS_SUFFIX)]
                if rest and "/" not in rest:
                    self._allow(method, "POST")
                    return self._reverse(_Call(method, rest, query, headers, body, wall_ms), key)
            elif rest and "/" not in rest:
                self._allow(method, "GET")
                return self._inquire(_Call(method, rest, query, headers, body, wall_ms), key)
        raise _Bad(404, "no such resource")

    def _post(self, call: _Call, key: str) -> CoreAnswer:
        self._count("post")
        caller = _caller(call.headers)
        request = self._read(self._read_transaction, call)
        if not key:
            raise _Bad(400, f"{c.H_KEY} is missing or not 1 to 255 printable characters")
        waiting = self._waiting.get(key)
        if waiting is not None:
            refused = Refused(409, c.PROBLEM_IN_PROGRESS, "this key is being worked on", retry_after_s=1)
            return self._refuse(refused, key, key)
        if self.asynchronous_ms and self.ledger.inquire(key, None) == c.InquiryAnswer(key=key, state="not-found"):
            self._waiting[key] = _Waiting(request, caller, call.wall_ms + self.asynchronous_ms)
            location = ("Location", f"{c.TRANSACTIONS_PATH}/{quote(key, safe='')}")
            return self._answer(202, c.Accepted(key, min(self.asynchronous_ms, 60_000)), key, (location,))
        result = self.ledger.post(key, request, caller, call.wall_ms)
        if isinstance(result, Refused):
            return self._refuse(result, key, key)
        return self._answer(200, result, key)

    def _reverse(self, call: _Call, echoed: str) -> CoreAnswer:
        self._count("reverse")
        key = _path_key(call.rest)
        caller = _caller(call.headers)
        if not echoed:
            raise _Bad(400, f"{c.H_KEY} is missing or not 1 to 255 printable characters")
        request = self._read(self._read_reversal, call)
        # Accepted and not yet posted: forget it, so that the tombstone wins inside the posting transaction.
        waiting = self._waiting.pop(key, None)
        result = self.ledger.reverse(key, request, caller, call.wall_ms)
        if isinstance(result, Refused):
            if waiting is not None:
                self._waiting[key] = waiting
            return self._refuse(result, echoed, key)
        return self._answer(200, result, echoed)

    def _inquire(self, call: _Call, echoed: str) -> CoreAnswer:
        self._count("inquire")
        key = _path_key(call.rest)
        caller = _caller(call.headers)
        if not echoed:
            raise _Bad(400, f"{c.H_KEY} is missing or not 1 to 255 printable characters")
        if key in self._waiting:
            refused = Refused(409, c.PROBLEM_IN_PROGRESS, "this key is being worked on", retry_after_s=1)
            return self._refuse(refused, echoed, key)
        purpose = call.headers.get(c.H_PURPOSE.lower(), "")
        result = self.ledger.inquire(key, caller, is_told=purpose != c.PURPOSE_RECONCILIATION)
        if isinstance(result, Refused):
            return self._refuse(result, echoed, key)
        return self._answer(200, result, echoed)

    def _page(self, call: _Call, echoed: str) -> CoreAnswer:
        self._count("page")
        refused = self.ledger.gate(_caller(call.headers, has_attempt=False))
        business_date = unquote(call.rest)
        if not _DATE.match(business_date):
            raise _Bad(400, "the business date is not YYYY-MM-DD")
        query = parse_qs(call.query, keep_blank_values=True)
        terminal = query.get("terminal", [""])[0]
        cursor = query.get("cursor", [""])[0]
        if len(terminal) > 255 or (cursor and not _CURSOR.match(cursor)):
            raise _Bad(400, "terminal or cursor is not one of ours")
        if refused is not None:
            return self._refuse(refused, echoed, "")
        page = self.ledger.page(business_date, terminal or None, int(cursor or "0"))
        return self._answer(200, page, echoed)

    def _center(self, call: _Call, echoed: str) -> CoreAnswer:
        """GET .../{center}, and PUT .../{center}/fence."""
        is_fence = call.rest.endswith(c.FENCE_SUFFIX)
        told = call.rest.removesuffix(c.FENCE_SUFFIX)
        if not told or "/" in told:
            raise _Bad(404, "no such resource")
        center = unquote(told)
        if not _PRINTABLE.match(center) or "/" in center:
            raise _Bad(400, "no name of a center")
        self._allow(call.method, "PUT" if is_fence else "GET")
        self._count("center")
        caller = _caller(call.headers, has_attempt=False)
        result: c.CenterAnswer | Refused
        if is_fence:
            result = self.ledger.raise_fence(center, self._read(self._read_fence, call), caller)
        else:
            result = self.ledger.region_gate(caller, True) or self.ledger.relay_epochs.standing(center)
        return self._refuse(result, echoed, "") if isinstance(result, Refused) else self._answer(200, result, echoed)

    def _tell(self, call: _Call, echoed: str) -> CoreAnswer:
        self._count("tell")
        refused = self.ledger.gate(_caller(call.headers, has_attempt=False))
        event = self._read(self._read_event, call)
        if refused is not None:
            return self._refuse(refused, echoed, "")
        if echoed:
            known = self.reports.get(echoed)
            if known is not None and known != event:
                return self._refuse(Refused(422, c.PROBLEM_KEY_CONFLICT, "this report had another body"), echoed, echoed)
            if known is not None:
                return CoreAnswer(204, self._echo(echoed), b"")
            self.reports[echoed] = event
            if len(self.reports) > NETWORK_EVENTS_KEPT:
                del self.reports[next(iter(self.reports))]
        events = self.ledger.network_events
        events.append(event)
        if len(events) > NETWORK_EVENTS_KEPT:
            del events[0]
        return CoreAnswer(204, self._echo(echoed), b"")

    # ---- reading and answering -------------------------------------------------------------------------------------------
    def _count(self, verb: str) -> None:
        self.calls[verb] = self.calls.get(verb, 0) + 1

    def _allow(self, method: str, allowed: str) -> None:
        if method != allowed:
            raise _Bad(405, f"only {allowed} is allowed here", (("Allow", allowed),))

    def _read(self, decode: Callable[[bytes], BodyT], call: _Call) -> BodyT:
        kind = call.headers.get("content-type", "").partition(";")[0].strip().lower()
        if kind != JSON:
            raise _Bad(415, f"the body must be {JSON}")
        try:
            return decode(call.body)
        except msgspec.MsgspecError as error:
            # The error names the path and the expectation, and may hold the value: say the path only.
            where = str(error).rpartition(" - at `")[2].rstrip("`") if " - at `" in str(error) else "$"
            raise _Bad(400, f"the body does not fit the contract at {where}") from None
        except (UnicodeDecodeError, RecursionError):
            raise _Bad(400, "the body is not JSON") from None

    def _echo(self, echoed: str) -> tuple[tuple[str, str], ...]:
        epoch = (c.H_REGION_EPOCH, str(self.ledger.epoch))
        return ((c.H_KEY, c.key_field(echoed)), epoch) if echoed else (epoch,)

    def _answer(
        self,
        status: int,
        body: msgspec.Struct,
        echoed: str,
        more: tuple[tuple[str, str], ...] = (),
        content_type: str = JSON,
    ) -> CoreAnswer:
        return CoreAnswer(status, self._echo(echoed) + more, self._encode(body), content_type)

    def _refuse(self, refused: Refused, echoed: str, key: str) -> CoreAnswer:
        title = refused.type.rpartition(":")[2]
        problem = c.Problem(type=refused.type, title=title, status=refused.status, detail=refused.detail, key=key)
        more = () if refused.retry_after_s is None else (("Retry-After", str(refused.retry_after_s)),)
        return self._answer(refused.status, problem, echoed, more, PROBLEM_JSON)


def _caller(headers: Mapping[str, str], has_attempt: bool = True) -> Caller:
    attempt = headers.get("attempt", "")
    center = headers.get("relay-center", "")
    if not _PRINTABLE.match(center) or (has_attempt and not _PRINTABLE.match(attempt)):
        raise _Bad(400, f"{c.H_ATTEMPT} and {c.H_RELAY_CENTER} must be 1 to 255 printable characters")
    trace = headers.get(c.H_TRACEPARENT)
    if trace is not None and not _TRACEPARENT.match(trace):
        raise _Bad(400, f"{c.H_TRACEPARENT} is not one of W3C Trace Context")
    region = headers.get(c.H_REGION.lower(), "")
    if region and not _PRINTABLE.match(region):
        raise _Bad(400, f"{c.H_REGION} must be 1 to 255 printable characters")
    return Caller(attempt, center, _epoch(headers, c.H_RELAY_EPOCH), _epoch(headers, c.H_REGION_EPOCH), region)


def _epoch(headers: Mapping[str, str], name: str) -> int:
    text = headers.get(name.lower(), "")
    if not (text.isascii() and text.isdigit() and len(text) <= 16 and int(text) <= EPOCH_MAX):
        raise _Bad(400, f"{name} must be a number from 0 to {EPOCH_MAX}")
    return int(text)


def _path_key(text: str) -> str:
    key = unquote(text)
    if not _KEY.match(key):
        raise _Bad(400, "the key in the path is not 1 to 255 printable characters")
    return key
