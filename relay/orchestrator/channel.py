"""Between the two orchestrators: one JSON line there and one back, on TLS 1.3 with certificates on both sides.

Owns the wire of copies and of what is said to the other center's relay. It must never judge a line: the replica does. The
traps: a certificate of the bank's authority is not yet the peer's, so its name is compared on both sides; whoever speaks
under an old term may not seal, block or release anything here; and a call that broke off after it was sent may have worked.
"""

from __future__ import annotations

import asyncio
import ssl
from typing import Final, Literal

import msgspec

from relay.failover.actions.port import ActionFailed, ActionRefused
from relay.failover.evidence import CenterFacts
from relay.failover.keeper import Keeper
from relay.failover.peer import CopyAnswer, CopyAsk, Replica
from relay.orchestrator.relays import OwnRelay
from relay.telemetry.log import get_log

_log = get_log("failover")
LINE_BYTES_MAX: Final = 16 * 1024 * 1024  # fifty lines of a run log
COPY_S: Final = 5.0
SAY_S: Final = 130.0  # a seal waits for the calls under way
CONNECTION_COUNT_MAX: Final = 16


class Ask(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    op: Literal["copy", "facts", "standby", "say"]
    copy: CopyAsk | None = None
    region: str = ""
    verb: str = ""
    epoch: int = 0
    classes: tuple[str, ...] = ()
    why: str = ""
    term: int = 0


class Answer(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    copy: CopyAnswer | None = None
    facts: CenterFacts | None = None
    text: str = ""
    refused: str = ""
    failed: str = ""


def peer_context(certificate: str, key: str, authorities: str, is_server: bool) -> ssl.SSLContext:
    """Raises OSError for files that cannot be used."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER if is_server else ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    context.load_verify_locations(authorities)
    context.load_cert_chain(certificate, key, password=lambda: b"")
    context.verify_mode = ssl.CERT_REQUIRED
    return context


class Channel:
    """The asking side. Fulfils Peer, and the part of RelayDoor that is the other center's. `tls` None is for tests."""

    exists = True

    def __init__(self, address: str, keeper: Keeper, tls: ssl.SSLContext | None, certificate_name: str) -> None:
        host, _, port = address.rpartition(":")
        self._host, self._port = host.strip("[]"), int(port)
        self._keeper, self._tls, self._name = keeper, tls, certificate_name

    async def copy(self, ask: CopyAsk) -> CopyAnswer:
        try:
            answer = await self._ask(Ask(op="copy", copy=ask, term=ask.term), COPY_S)
        except (ActionFailed, OSError) as error:
            return CopyAnswer(kind="away", detail=str(error)[:200] or type(error).__name__)
        return answer.copy or CopyAnswer(kind="away", detail=answer.refused or answer.failed or "no word about the copy")

    async def facts(self, center: str) -> CenterFacts:
        try:
            answer = await self._ask(Ask(op="facts"), COPY_S)
        except (ActionFailed, OSError) as error:
            return CenterFacts(center=center, trouble=f"its orchestrator: {error}"[:200])
        return answer.facts or CenterFacts(center=center, trouble="its orchestrator has no word of it")

    async def standby(self, center: str, region: str) -> str:
        try:
            return (await self._ask(Ask(op="standby", region=region), COPY_S)).text
        except (ActionFailed, OSError) as error:
            return str(error)[:200] or type(error).__name__

    async def say(self, center: str, verb: str, epoch: int, classes: tuple[str, ...], why: str) -> str:
        asked = Ask(op="say", verb=verb, epoch=epoch, classes=classes, why=why, term=self._keeper.run.term)
        answer = await self._ask(asked, SAY_S)
        if answer.refused:
            raise ActionRefused(answer.refused)
        if answer.failed:
            raise ActionFailed(answer.failed)
        return answer.text

    async def _ask(self, ask: Ask, limit_s: float) -> Answer:
        """Raises ActionRefused where nothing was sent, ActionFailed where nobody knows."""
        writer: asyncio.StreamWriter | None = None
        try:
            async with asyncio.timeout(limit_s):
                name = self._name if self._tls else None
                reader, writer = await asyncio.open_connection(
                    self._host, self._port, ssl=self._tls, server_hostname=name, limit=LINE_BYTES_MAX
                )
                writer.write(msgspec.json.encode(ask) + b"\n")
                await writer.drain()
                line = await reader.readline()
            return msgspec.json.decode(line, type=Answer)
        except (TimeoutError, OSError, ValueError) as error:
            kind = ActionRefused if writer is None else ActionFailed
            raise kind(f"the other center's orchestrator: {error or type(error).__name__}") from error
        finally:
            if writer is not None:
                writer.close()


class ChannelServer:
    """The answering side."""

    def __init__(self, replica: Replica, keeper: Keeper, relay: OwnRelay, tls: ssl.SSLContext | None, peer_name: str) -> None:
        self._replica, self._keeper, self._relay = replica, keeper, relay
        self._tls, self._peer_name = tls, peer_name
        self._server: asyncio.Server | None = None
        self._count = 0

    async def start(self, listen: str) -> int:
        """The port it listens on. Raises OSError."""
        host, _, port = listen.rpartition(":")
        self._server = await asyncio.start_server(
            self._converse, host.strip("[]"), int(port), ssl=self._tls, limit=LINE_BYTES_MAX
        )
        return int(self._server.sockets[0].getsockname()[1])

    def close(self) -> None:
        if self._server is not None:
            self._server.close()

    async def _converse(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._count += 1
        try:
            async with asyncio.timeout(SAY_S):
                if self._count > CONNECTION_COUNT_MAX or not self._is_peer(writer):
                    return
                answer = await self._answer(await reader.readline())
                writer.write(msgspec.json.encode(answer) + b"\n")
                await writer.drain()
        except (TimeoutError, OSError, ValueError):
            return  # gone, silent, or too long: nothing was promised
        finally:
            self._count -= 1
            writer.close()

    def _is_peer(self, writer: asyncio.StreamWriter) -> bool:
        if self._tls is None:
            return True
        certificate = writer.get_extra_info("peercert") or {}
        names = {value for kind, value in certificate.get("subjectAltName", ()) if kind == "DNS"}
        if self._peer_name not in names:
            _log.warning("a stranger spoke to the failover orchestrator", names=sorted(names))
            return False
        return True

    async def _answer(self, line: bytes) -> Answer:
        try:
            ask = msgspec.json.decode(line, type=Ask)
        except msgspec.DecodeError as error:
            return Answer(refused=f"not a question: {error}")
        if ask.op == "copy":
            return Answer(copy=self._replica.take(ask.copy or CopyAsk(run="", term=ask.term)))
        if ask.op == "facts":
            return Answer(facts=await self._relay.facts())
        if ask.op == "standby":
            return Answer(text=await self._relay.standby(ask.region))
        if ask.term < self._keeper.term:
            return Answer(refused=f"term {ask.term} is over, {self._keeper.term} is known here")
        try:
            return Answer(text=await self._relay.say(ask.verb, ask.epoch, ask.classes, ask.why))
        except ActionRefused as error:
            return Answer(refused=str(error))
        except ActionFailed as error:
            return Answer(failed=str(error))
