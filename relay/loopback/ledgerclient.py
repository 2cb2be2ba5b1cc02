"""The core's ledger over HTTP, for a load against a relay and a core that run elsewhere.

Owns paging through `GET /v1/ledger/{business_date}`. It must never be used by the relay itself, which has a transport of its
own: this one is short, slow and asks once per page. The trap: a run may begin before midnight and end after it, in a zone
we do not know, so the day before and the day after are read too, and only what was posted since the run began counts.
"""

from __future__ import annotations

import asyncio
import ssl
from datetime import UTC, datetime, timedelta
from typing import TypeVar
from urllib.parse import quote, urlsplit

import msgspec

from relay.core import contract as c
from relay.errors import RelayError
from relay.loopback.entries import MOVES
from relay.loopback.report import LedgerLine

AnswerT = TypeVar("AnswerT")

ANSWER_BYTES_MAX = 16 * 1024 * 1024
PAGES_MAX = 100_000
TIMEOUT_S = 30.0
CENTER = "relay-load"  # a caller of its own: it never supersedes, nor is superseded by, a relay
CLOCKS_APART_MS = 60_000  # the core's clock may be behind ours by so much


async def fetch_lines(url: str, since_ms: int, until_ms: int) -> list[LedgerLine]:
    """All lines posted since `since_ms` (UTC epoch milliseconds). Raises RelayError when the ledger cannot be read."""
    first = datetime.fromtimestamp(since_ms / 1_000, UTC).date() - timedelta(days=1)
    last = datetime.fromtimestamp(until_ms / 1_000, UTC).date() + timedelta(days=1)
    epoch = (await _get(url, c.REGION_PATH, 0, c.RegionAnswer)).epoch
    lines = []
    for number in range((last - first).days + 1):
        day = (first + timedelta(days=number)).isoformat()
        for entry in await _entries(url, day, epoch):
            if entry.posted_at_ms >= since_ms - CLOCKS_APART_MS:
                standing = 0 if entry.standing is None else int(entry.standing.minor)
                moved = MOVES.get(entry.kind, 0) * standing
                lines.append(LedgerLine(entry.key, entry.terminal, entry.trace, moved, kind=entry.kind))
    return lines


async def _entries(url: str, day: str, epoch: int) -> list[c.LedgerEntry]:
    entries: list[c.LedgerEntry] = []
    cursor: str | None = ""
    for _ in range(PAGES_MAX):
        query = f"?cursor={quote(cursor, safe='')}" if cursor else ""
        page = await _get(url, f"{c.LEDGER_PATH}{day}{query}", epoch, c.LedgerPage)
        entries += page.entries
        cursor = page.next_cursor
        if cursor is None:
            return entries
    raise RelayError(f"the ledger of {day} has more than {PAGES_MAX} pages.")


async def _get(url: str, path: str, epoch: int, answer_type: type[AnswerT]) -> AnswerT:
    parts = urlsplit(url)
    secure = parts.scheme == "https"
    host, port = parts.hostname or "", parts.port or (443 if secure else 80)
    # HTTP/1.0: the answer ends with the connection, and is never chunked.
    asked = (
        f"GET {parts.path.rstrip('/')}{path} HTTP/1.0\r\nHost: {parts.netloc}\r\nAccept: application/json\r\n"
        f"{c.H_RELAY_CENTER}: {CENTER}\r\n{c.H_RELAY_EPOCH}: 0\r\n{c.H_REGION_EPOCH}: {epoch}\r\n\r\n"
    )
    try:
        async with asyncio.timeout(TIMEOUT_S):
            tls = ssl.create_default_context() if secure else None
            reader, writer = await asyncio.open_connection(host, port, ssl=tls, limit=ANSWER_BYTES_MAX)
            try:
                writer.write(asked.encode("latin-1"))
                head = await reader.readuntil(b"\r\n\r\n")
                body = await reader.read(-1)
            finally:
                writer.close()
        status = head.split(b" ", 2)[1]
        if status != b"200":
            raise RelayError(f"the ledger at {url} answers {status.decode('latin-1')}.", "Is --ledger the core's address?")
        return msgspec.json.decode(body, type=answer_type)
    except (OSError, TimeoutError, asyncio.IncompleteReadError, IndexError, msgspec.MsgspecError) as error:
        raise RelayError(f"the ledger at {url} cannot be read: {error}.", "Is --ledger the core's address?") from error
