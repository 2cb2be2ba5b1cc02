"""Two streams joined: what comes from one goes to the other, until either ends or both are silent for long.

Owns the copying and its bounds, for both ends of the way through the other center. It must never read what it copies. The
traps: a reader that does not keep up stops the other side's writer, and nothing is kept meanwhile but one buffer; and what
ends in disorder is reset on a TCP side, but a socket pair can only end: that half an answer is not taken for a whole one is
the business of the TLS inside (an end without its close is none) and of whoever reads the body.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable

import msgspec

from relay.bridge import spawn

CLOSE_S = 2.0  # how long a side may take to take the last bytes


class Stream(msgspec.Struct, frozen=True):
    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter


async def open_stream(sock: object, buffer_bytes_max: int, **tls: object) -> Stream:
    """The stream of a connected socket, with at most `buffer_bytes_max` kept in each direction. Raises OSError,
    TimeoutError.
    """
    reader, writer = await asyncio.open_connection(sock=sock, limit=buffer_bytes_max // 2, **tls)  # type: ignore[arg-type]  # passed through
    bound(writer.transport)
    return Stream(reader, writer)


def bound(transport: asyncio.WriteTransport) -> None:
    """A drain waits until the kernel has it all. Not a high mark of 0: asyncio's TLS would pause a writer that has nothing."""
    transport.set_write_buffer_limits(high=1, low=0)


async def join(one: Stream, other: Stream, chunk_bytes: int, idle_ms: int, moved: Callable[[int], None]) -> None:
    """Copy both ways and close both. `moved` hears how many bytes went; `idle_ms` without any end it."""
    loop = asyncio.get_running_loop()
    is_clean = False
    try:
        async with asyncio.timeout(idle_ms / 1_000) as patience:

            def note(count: int) -> None:
                moved(count)
                if not patience.expired():
                    patience.reschedule(loop.time() + idle_ms / 1_000)

            copies = [
                spawn("copy to the one side", _copy(other.reader, one.writer, chunk_bytes, note)),
                spawn("copy to the other side", _copy(one.reader, other.writer, chunk_bytes, note)),
            ]
            try:
                done, _ = await asyncio.wait(copies, return_when=asyncio.FIRST_COMPLETED)
                is_clean = all(copy.result() for copy in done)
            finally:
                for copy in copies:
                    copy.cancel()
                await asyncio.gather(*copies, return_exceptions=True)
    except TimeoutError:
        is_clean = True  # nothing was under way
    finally:
        for stream in (one, other):
            if is_clean:
                stream.writer.close()
            else:
                stream.writer.transport.abort()
        for stream in (one, other):
            with contextlib.suppress(OSError):  # TimeoutError is one
                async with asyncio.timeout(CLOSE_S):
                    await stream.writer.wait_closed()
            stream.writer.transport.abort()  # who takes nothing any more is not waited for


async def _copy(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, chunk_bytes: int, note: Callable[[int], None]
) -> bool:
    """True at a clean end of `reader`, False where either side broke."""
    try:
        while data := await reader.read(chunk_bytes):
            note(len(data))
            writer.write(data)
            await writer.drain()
    except OSError:
        return False
    return True
