"""What stands between a test and its AWS: every call is counted, and a chosen one goes wrong.

Owns the faults (throttled, denied, dropped before, lost after, hanging before or after, an answer that is none, a middlebox's
word) and what moto does not do: Route 53's compare-and-swap, IAM's simulation, changes that stay PENDING. It must never know
what the action under test will do. The trap: an effect counts when moto has carried it out, not when somebody asked for it.
"""

from __future__ import annotations

import asyncio
import contextlib
import re
import xml.etree.ElementTree as ET
from collections import Counter
from collections.abc import Mapping
from typing import Final, Literal, TypeAlias
from urllib.parse import parse_qs

import msgspec

Fault: TypeAlias = Literal[
    "throttle", "deny", "expired", "signature", "drop", "lose", "hang", "late", "garbage", "html", "error"
]
SECRET_TOKEN: Final = "session-token-canary"
_R53 = "{https://route53.amazonaws.com/doc/2013-04-01/}"
_CODES: Final = {
    "throttle": (400, "Throttling", "Rate exceeded"),
    "deny": (403, "AccessDenied", "User is not authorized to perform this"),
    "expired": (403, "ExpiredToken", "The security token included in the request is expired"),
    "signature": (403, "SignatureDoesNotMatch", f"The canonical string should have been x-amz-security-token:{SECRET_TOKEN}"),
    "error": (500, "InternalFailure", "The request processing has failed"),
}


class _Ask(msgspec.Struct, frozen=True):
    head: bytes
    headers: Mapping[str, str]
    method: str
    target: str
    body: bytes

    @property
    def operation(self) -> str:
        """In AWS's own spelling."""
        if "x-amz-target" in self.headers:
            return self.headers["x-amz-target"].rpartition(".")[2]
        if "/2013-04-01/" in self.target:
            if "/change/" in self.target:
                return "GetChange"
            return "ChangeResourceRecordSets" if self.method == "POST" else "ListResourceRecordSets"
        return parse_qs(self.body.decode("ascii", "replace")).get("Action", [""])[0]


class AwsProxy:
    """`plan` fault after fault for an operation; `effects` are the calls that moto carried out; `asked` all that came."""

    def __init__(self, moto_port: int) -> None:
        self._moto_port = moto_port
        self._server: asyncio.Server | None = None
        self._waiting: set[asyncio.Task[None]] = set()
        self.url = ""
        self._moved = asyncio.Condition()
        self.begin()

    def begin(self) -> None:
        """Nothing is counted and nothing goes wrong any more: another test begins."""
        self._faults: dict[str, list[Fault]] = {}
        self.asked: Counter[str] = Counter()
        self.effects: Counter[str] = Counter()
        self.is_pending = False  # every change stays PENDING
        self.may: dict[str, str] = {}  # IAM's decision by action; allowed where nothing is said
        self.simulated: list[tuple[str, str]] = []

    def goes_wrong(self, operation: str, *faults: Fault) -> None:
        self._faults.setdefault(operation, []).extend(faults)

    async def start(self) -> None:
        self._server = await asyncio.start_server(self._converse, "127.0.0.1", 0)
        self.url = f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}"

    async def close(self) -> None:
        assert self._server is not None
        self._server.close()
        for task in self._waiting:
            task.cancel()

    async def heard(self, operation: str, asked: int) -> None:
        """Wait until so many came."""
        async with self._moved:
            await self._moved.wait_for(lambda: self.asked[operation] >= asked)

    async def settled(self, operation: str, effects: int) -> None:
        """Wait until moto has carried out so many; the test's own time limit ends it."""
        async with self._moved:
            await asyncio.wait_for(self._moved.wait_for(lambda: self.effects[operation] >= effects), 120)

    async def _converse(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._waiting.add(task)
        try:
            with contextlib.suppress(OSError, asyncio.IncompleteReadError):
                answer = await self._answer(await _read(reader))
                if answer is not None:
                    writer.write(answer)
                    await writer.drain()
        except asyncio.CancelledError:
            return
        finally:
            self._waiting.discard(task)
            writer.close()

    async def _answer(self, ask: _Ask) -> bytes | None:
        operation = ask.operation
        self.asked[operation] += 1
        async with self._moved:
            self._moved.notify_all()
        faults = self._faults.get(operation)
        fault = faults.pop(0) if faults else None
        match fault:
            case "throttle" | "deny" | "expired" | "signature" | "error":
                return _error(ask, *_CODES[fault])
            case "html":
                return _http(403, b"<html><body>Blocked by the web filter</body></html>", "text/html")
            case "drop":
                return None
            case "hang":
                await asyncio.sleep(3_600)
                return None
        answer = await self._carry_out(ask, operation)
        match fault:
            case "lose":
                return None
            case "late":
                await asyncio.sleep(3_600)
                return None
            case "garbage":
                return _http(200, b"\x00\xff<not-what-was-asked", "text/xml")
        return answer

    async def _carry_out(self, ask: _Ask, operation: str) -> bytes:
        if operation == "ChangeResourceRecordSets" and (wrong := await self._not_as_it_is(ask)):
            return _error(ask, 400, "InvalidChangeBatch", wrong)
        if operation == "SimulatePrincipalPolicy":
            return self._simulate(ask)
        answer = await self._forward(ask.head + ask.body)
        if answer.startswith((b"HTTP/1.1 2", b"HTTP/1.0 2")):
            self.effects[operation] += 1
            async with self._moved:
                self._moved.notify_all()
        if self.is_pending:
            answer = _shorter(answer, b"INSYNC", b"PENDING")
        return answer

    async def _forward(self, whole: bytes) -> bytes:
        reader, writer = await asyncio.open_connection("127.0.0.1", self._moto_port)
        try:
            head, _, body = whole.partition(b"\r\n\r\n")
            head = re.sub(rb"(?i)\r\nconnection:[^\r]*", b"", head)
            writer.write(head + b"\r\nConnection: close\r\n\r\n" + body)
            return await reader.read()
        finally:
            writer.close()

    async def _not_as_it_is(self, ask: _Ask) -> str:
        """Route 53 takes a DELETE only of what is there to the last character; moto takes any."""
        path = ask.target.partition("?")[0]
        head = re.sub(rb"^POST \S+", b"GET " + path.encode(), ask.head)
        head = re.sub(rb"(?i)content-length: \d+", b"Content-Length: 0", head)
        there = {_set(one) for one in _xml(await self._forward(head)).iter(f"{_R53}ResourceRecordSet")}
        for change in ET.fromstring(ask.body).iter(f"{_R53}Change"):
            wanted = change.find(f"{_R53}ResourceRecordSet")
            assert wanted is not None
            if change.findtext(f"{_R53}Action") == "DELETE" and _set(wanted) not in there:
                return f"Tried to delete {_set(wanted)} but the values provided do not match the current values"
        return ""

    def _simulate(self, ask: _Ask) -> bytes:
        asked = parse_qs(ask.body.decode("ascii"))
        actions = [values[0] for name, values in sorted(asked.items()) if name.startswith("ActionNames.member.")]
        self.simulated += [(asked["PolicySourceArn"][0], action) for action in actions]
        told = ((one, self.may.get(one, "allowed")) for one in actions)
        rows = "".join(
            f"<member><EvalActionName>{one}</EvalActionName><EvalDecision>{said}</EvalDecision></member>" for one, said in told
        )
        text = (
            '<SimulatePrincipalPolicyResponse xmlns="https://iam.amazonaws.com/doc/2010-05-08/"><SimulatePrincipalPolicyResult>'
            f"<IsTruncated>false</IsTruncated><EvaluationResults>{rows}</EvaluationResults>"
            "</SimulatePrincipalPolicyResult></SimulatePrincipalPolicyResponse>"
        )
        return _http(200, text.encode(), "text/xml")


def _set(of: ET.Element) -> tuple[str, str, str, tuple[str, ...]]:
    values = tuple(one.text or "" for one in of.iter(f"{_R53}Value"))
    name = (of.findtext(f"{_R53}Name") or "").rstrip(".")
    return name, of.findtext(f"{_R53}Type") or "", of.findtext(f"{_R53}TTL") or "", values


def _xml(answer: bytes) -> ET.Element:
    return ET.fromstring(answer.partition(b"\r\n\r\n")[2])


def _shorter(answer: bytes, old: bytes, new: bytes) -> bytes:
    """Another word in the body; the end of the connection says how long it is."""
    head, _, body = answer.partition(b"\r\n\r\n")
    body = body.replace(old, new)
    head = re.sub(rb"(?i)content-length: \d+", b"Content-Length: %d" % len(body), head)
    return head + b"\r\n\r\n" + body


def _error(ask: _Ask, status: int, code: str, text: str) -> bytes:
    if "x-amz-target" in ask.headers:
        return _http(status, msgspec.json.encode({"__type": code, "message": text}), "application/x-amz-json-1.1")
    escaped = text.replace("&", "&amp;").replace("<", "&lt;")
    body = f"<ErrorResponse><Error><Type>Sender</Type><Code>{code}</Code><Message>{escaped}</Message></Error></ErrorResponse>"
    return _http(status, body.encode(), "text/xml")


def _http(status: int, body: bytes, kind: str) -> bytes:
    head = f"HTTP/1.1 {status} X\r\nContent-Type: {kind}\r\nContent-Length: {len(body)}\r\nConnection: close\r\n\r\n"
    return head.encode() + body


async def _read(reader: asyncio.StreamReader) -> _Ask:
    head = await reader.readuntil(b"\r\n\r\n")
    lines = head.decode("latin-1").split("\r\n")
    method, target, _ = lines[0].split(" ", 2)
    headers = {name.strip().lower(): value.strip() for name, _, value in (line.partition(":") for line in lines[1:] if line)}
    body = await reader.readexactly(int(headers.get("content-length", "0")))
    return _Ask(head, headers, method, target, body)
