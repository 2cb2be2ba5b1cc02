"""`/v1/outbound` without sockets: one HTTP request in, one answer out, perhaps later.

Owns the routes, the strict reading of key and body, and the problem documents. It must never know a socket or a record. The
traps: nothing is answered 202 before it is durable, so the answer comes by callback; and two bodies are the same message when
they say the same, whatever the order of their members, so repeats are compared in one canonical form.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping
from functools import partial
from urllib.parse import quote, unquote

import msgspec

from relay.core.contract import H_KEY, Problem, key_field, read_key_field
from relay.journal.outbound import StoredOutbound
from relay.outbound import contract as c
from relay.outbound.ports import (
    CancelResult,
    Conflict,
    FindResult,
    Known,
    NoSuch,
    NotTaken,
    OutboundDoor,
    Posted,
    PostResult,
    Taken,
    TooLate,
)

JSON = "application/json"
PROBLEM_JSON = "application/problem+json"
RETRY_AFTER_S = 1

_KEY = re.compile(r"[!-~]{1,255}\Z")
_read_request = msgspec.json.Decoder(c.OutboundRequest).decode
_NOT_TAKEN = {
    "unknown-line": (422, c.PROBLEM_UNKNOWN_LINE),
    "overloaded": (503, c.PROBLEM_OVERLOADED),
    "no-journal": (503, c.PROBLEM_NO_JOURNAL),
    "draining": (503, c.PROBLEM_DRAINING),
}


class HttpRequest(msgspec.Struct, frozen=True):
    """`target` is the raw request target, `headers` have lower-case names, `client` is the name in the caller's certificate,
    `peer` the caller's IP address."""

    method: str
    target: str
    headers: Mapping[str, str]
    body: bytes
    client: str = ""
    peer: str = ""


class HttpAnswer(msgspec.Struct, frozen=True):
    """What goes on the wire, less Content-Length and Connection."""

    status: int
    body: bytes
    content_type: str = JSON
    headers: tuple[tuple[str, str], ...] = ()


Done = Callable[[HttpAnswer], None]


class OutboundApi:
    """`clients` are the names in certificates that may ask; none given: any that was let in."""

    def __init__(self, outbound: OutboundDoor, clients: Collection[str] = ()) -> None:
        self._outbound = outbound
        self._clients = frozenset(clients)

    def handle(self, request: HttpRequest, done: Done) -> None:
        """Never raises for anything a caller can send. `done` is called exactly once."""
        path = request.target.partition("?")[0]
        if self._clients and request.client not in self._clients:
            done(problem(403, c.PROBLEM_NOT_AUTHORISED, "this client may not ask"))
        elif path == c.OUTBOUND_PATH:
            if request.method == "POST":
                self._post(request, done)
            else:
                done(_not_allowed("POST"))
        elif path.startswith(c.OUTBOUND_PATH + "/") and "/" not in path[len(c.OUTBOUND_PATH) + 1 :]:
            self._message(request.method, path[len(c.OUTBOUND_PATH) + 1 :], done)
        else:
            done(problem(404, c.PROBLEM_INVALID, "no such resource"))

    # ---- POST --------------------------------------------------------------------------------------------------------
    def _post(self, request: HttpRequest, done: Done) -> None:
        key = read_key_field(request.headers.get(H_KEY.lower(), ""))
        if not _KEY.match(key):
            done(problem(400, c.PROBLEM_INVALID, f"{H_KEY} is missing or not 1 to 255 visible ASCII characters"))
            return
        kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
        if kind != JSON:
            done(problem(415, c.PROBLEM_INVALID, f"the body must be {JSON}", key))
            return
        posted = read_posted(key, request.body)
        if isinstance(posted, str):
            done(problem(400, c.PROBLEM_INVALID, posted, key))
        else:
            self._outbound.post(posted, partial(_posted, key, done))

    # ---- one message -------------------------------------------------------------------------------------------------
    def _message(self, method: str, quoted: str, done: Done) -> None:
        key = unquote(quoted)
        if method not in ("GET", "DELETE"):
            done(_not_allowed("GET, DELETE"))
        elif not _KEY.match(key):
            done(problem(400, c.PROBLEM_INVALID, "the key in the path is not 1 to 255 visible ASCII characters"))
        elif method == "GET":
            self._outbound.find(key, partial(_found, key, done))
        else:
            self._outbound.cancel(key, "cancelled by the core", partial(_found, key, done))


def read_posted(key: str, body: bytes) -> Posted | str:
    """The message in a body, or in words what is wrong with it. The words never hold a value of the body."""
    try:
        request = _read_request(body)
        members = msgspec.json.decode(request.body, type=dict[str, object])
        said: list[object] = [request.listener, request.line, request.kind, members]
        if request.expires_ms is not None:
            said.append(request.expires_ms)
        canonical = msgspec.json.encode(said, order="sorted").decode()
    except msgspec.ValidationError as error:
        where = str(error).rpartition(" - at `")[2].rstrip("`") if " - at `" in str(error) else "$"
        return f"the body does not fit the contract at {where}"
    except (msgspec.MsgspecError, UnicodeError, RecursionError, ValueError):
        return "the body is not JSON"
    if not (request.listener + request.line + request.kind).isprintable():  # `$` of a pattern lets a line feed pass
        return "the body does not fit the contract at $"
    return Posted(
        key=key,
        listener=request.listener,
        line=request.line,
        kind=request.kind,
        body=bytes(request.body),
        canonical=canonical,
        expires_ms=request.expires_ms,
    )


# ---- answers -----------------------------------------------------------------------------------------------------------
def _posted(key: str, done: Done, result: PostResult) -> None:
    if isinstance(result, Taken):
        location = ("Location", f"{c.OUTBOUND_PATH}/{quote(key, safe='')}")
        done(_status(202, result.message, location))
    elif isinstance(result, Known):
        done(_status(200, result.message))
    elif isinstance(result, Conflict):
        done(problem(422, c.PROBLEM_KEY_CONFLICT, "this key was posted with another message", key))
    else:
        done(_not_taken(result, key))


def _found(key: str, done: Done, result: FindResult | CancelResult) -> None:
    if isinstance(result, Known):
        done(_status(200, result.message))
    elif isinstance(result, TooLate):
        why = f"it does not wait any more: {result.message.state.value}"
        done(problem(409, c.PROBLEM_NOT_CANCELLABLE, why, key))
    elif isinstance(result, NoSuch):
        done(problem(404, c.PROBLEM_NOT_FOUND, "no message has this key", key))
    else:
        done(_not_taken(result, key))


def _status(status: int, stored: StoredOutbound, *more: tuple[str, str]) -> HttpAnswer:
    echo = (H_KEY, key_field(stored.taken.key))
    return HttpAnswer(status, msgspec.json.encode(c.status_of(stored)), JSON, (echo, *more))


def _not_taken(result: NotTaken, key: str) -> HttpAnswer:
    status, kind = _NOT_TAKEN[result.why]
    return problem(status, kind, result.detail, key)


def _not_allowed(methods: str) -> HttpAnswer:
    return problem(405, c.PROBLEM_INVALID, f"only {methods} is allowed here", "", ("Allow", methods))


def problem(status: int, kind: str, detail: str, key: str = "", *more: tuple[str, str]) -> HttpAnswer:
    """A problem document, the key echoed where there is one."""
    body = Problem(type=kind, title=kind.rpartition(":")[2], status=status, detail=detail, key=key)
    echo = ((H_KEY, key_field(key)),) if key else ()
    retry = (("Retry-After", str(RETRY_AFTER_S)),) if status == 503 else ()
    return HttpAnswer(status, msgspec.json.encode(body), PROBLEM_JSON, (*echo, *retry, *more))
