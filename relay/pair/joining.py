"""Two streams joined: what comes from one goes to the other, until either ends or both are silent for long.

Owns the copying and its bounds, for both ends of the way through the other center. It must never read what it copies. The
traps: a reader that does not keep up stops the other side's writer, and nothing is kept meanwhile but one buffer, which one
read of the loop may overfill (`held_bytes_max` in relay/configuration/pair.py); what ends in disorder is reset on a TCP side,
but a socket pair can only end: that half an answer is not taken for a whole one is the business of the TLS inside (an end
without its close is none) and of whoever reads the body; and a caller that ends first has given its call up or has no use for
the connection, so the far side is reset, all the way to the core, which may be too starved to notice an orderly end.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable
from typing import Any

import msgspec

from relay.bridge import spawn
from relay.core.closing import reset_on_close

CLOSE_S = 2.0  # how long a side may take to take the last bytes


class Stream(msgspec.Struct, frozen=True):
    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter


class StreamProtocol(asyncio.StreamReaderProtocol):
    """Can be ended before there is a stream."""

    _made: Any = None  # asyncio.Transport; uvloop's is a class of its own

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._made = transport
        super().connection_made(transport)

    def abort(self) -> None:
        if self._made is not None:
            self._made.abort()


async def open_stream(sock: object, buffer_bytes_max: int, **tls: object) -> Stream:
    """The stream of a connected socket, with at most `buffer_bytes_max` kept in each direction. Raises OSError,
    TimeoutError; then nobody looks at the socket any more, and whoever made it closes it.
    """
    loop = asyncio.get_running_loop()
    reader = asyncio.StreamReader(limit=buffer_bytes_max // 2, loop=loop)
    protocol = StreamProtocol(reader, loop=loop)
    try:
        transport, _ = await loop.create_connection(lambda: protocol, sock=sock, **tls)  # type: ignore[call-overload]  # passed through
    except BaseException:
        protocol.abort()  # a handshake may have ended in the very turn in which it was given up: its socket is watched
        raise
    bound(transport)
    return Stream(reader, asyncio.StreamWriter(transport, protocol, reader, loop))


def bound(transport: asyncio.WriteTransport) -> None:
    """A drain waits until the kernel has it all. Not a high mark of 0: asyncio's TLS would pause a writer that has nothing."""
    transport.set_write_buffer_limits(high=1, low=0)


async def join(caller: Stream, far: Stream, chunk_bytes: int, idle_ms: int, moved: Callable[[int], None]) -> None:
    """Copy both ways and close both. `moved` hears how many bytes went; `idle_ms` without any end it."""
    loop = asyncio.get_running_loop()
    is_clean = is_given_up = False
    try:
        async with asyncio.timeout(idle_ms / 1_000) as patience:

            def note(count: int) -> None:
                moved(count)
                if not patience.expired():
                    patience.reschedule(loop.time() + idle_ms / 1_000)

            copies = [
                spawn("copy to the caller", _copy(far.reader, caller.writer, chunk_bytes, note)),
                spawn("copy to the far side", _copy(caller.reader, far.writer, chunk_bytes, note)),
            ]
            try:
                done, _ = await asyncio.wait(copies, return_when=asyncio.FIRST_COMPLETED)
                is_clean = all(copy.result() for copy in done)
                is_given_up = copies[0] not in done
            finally:
                for copy in copies:
                    copy.cancel()
                await asyncio.gather(*copies, return_exceptions=True)
    except TimeoutError:
        is_clean = True  # nothing was under way
    finally:
        for stream in (caller, far):
            if is_clean and not (is_given_up and stream is far):
                stream.writer.close()
            else:
                reset(stream.writer.transport)
        for stream in (caller, far):
            with contextlib.suppress(OSError):  # TimeoutError is one
                async with asyncio.timeout(CLOSE_S):
                    await stream.writer.wait_closed()
            reset(stream.writer.transport)  # who takes nothing any more is not waited for


def reset(transport: asyncio.WriteTransport) -> None:
    """Close it now; the peer sees a reset where it is TCP."""
    if (sock := transport.get_extra_info("socket")) is not None:
        reset_on_close(sock)
    transport.abort()


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
