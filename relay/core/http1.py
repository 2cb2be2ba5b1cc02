"""One keep-alive connection to the core: writes a request, cuts its answer, and trusts nothing in between.

Owns the HTTP/1.1 state of one socket, on httptools. It must never know a pool, an address or a retry; it tells its `Owner`.
The traps: after a complete answer the same bytes may go on (a duplicate, a smuggled second answer): the connection closes;
callbacks run inside the parser, so they only note what they saw, and decisions fall after `feed_data` has returned; a
body that ends with the connection is complete only at a clean end; the parser buffers a half header line without limit,
so wire bytes are counted here; and the loops' own `abort` ends in good order as far as the peer can see, so a call that is
given up resets its connection, or a peer that is starved collects them half open by the thousand.
"""

from __future__ import annotations

import asyncio
import select
import socket
from collections.abc import Callable
from typing import Any, Final, Protocol

import httptools
import msgspec

from relay.core.closing import reset_on_close
from relay.core.door import HttpAnswer, HttpResult, Lost, Why

_PEEK: Final = socket.MSG_PEEK | socket.MSG_DONTWAIT
_INTERIM_ANSWERS_MAX: Final = 8  # 1xx before the real answer


class AnswerLimits(msgspec.Struct, frozen=True):
    """What an answer may cost: bytes of body, bytes of head, number of header lines."""

    answer_bytes_max: int = 1_048_576
    head_bytes_max: int = 32_768
    header_count_max: int = 100

    @property
    def wire_bytes_max(self) -> int:
        """Everything of one answer: chunk framing and trailers may double the body, no more."""
        return 2 * self.answer_bytes_max + self.head_bytes_max


class Caller(Protocol):
    """The call that a connection carries."""

    @property
    def wire(self) -> bytes:
        """Head and body; for a streamed body the head alone."""
        ...

    @property
    def is_head(self) -> bool: ...

    @property
    def streams_body(self) -> bool: ...

    def started(self, connection: Connection) -> None:
        """Only for streamed bodies: the head is written, the body may follow by `write_body`."""
        ...

    def finish(self, result: HttpResult) -> None: ...


class Owner(Protocol):
    """Who a connection reports to."""

    def released(self, connection: Connection) -> None:
        """The answer is complete and the connection may carry another call."""
        ...

    def gone(self, connection: Connection) -> None:
        """The connection is closed or closing, and carries nothing any more."""
        ...

    def made(self, connection: Connection) -> None:
        """The socket is connected (and the handshake done)."""
        ...

    def lost(self, connection: Connection) -> None:
        """The socket is closed: nothing of the connection is left."""
        ...

    def count_unrequested(self) -> None:
        """Bytes came that answer nothing."""
        ...


class Connection(asyncio.Protocol):
    """States: idle (no caller), busy (a caller), dead. `generation` and `idle_since_ms` belong to the owner."""

    def __init__(self, owner: Owner, limits: AnswerLimits, sock: socket.socket, is_tls: bool, generation: int) -> None:
        self.generation = generation
        self.idle_since_ms = 0
        self._owner = owner
        self._sock = sock
        self._poll = select.poll()
        self._poll.register(sock, select.POLLIN)
        self._is_tls = is_tls
        self._body_bytes_max = limits.answer_bytes_max
        self._head_bytes_max = limits.head_bytes_max
        self._header_count_max = limits.header_count_max
        self._wire_bytes_max = limits.wire_bytes_max
        self._transport: Any = None  # asyncio.Transport; uvloop's is a class of its own
        self._parser: Any = None
        self._caller: Caller | None = None
        self._dead = False
        self._body_open = False
        self._resume: Callable[[], None] | None = None
        self.write_paused = False
        self._reset()

    def _reset(self) -> None:
        self._headers: dict[bytes, bytes] = {}
        self._repeated: tuple[tuple[bytes, bytes], ...] = ()
        self._body = b""
        self._more_body: list[bytes] | None = None
        self._body_bytes = 0
        self._wire_bytes = 0
        self._header_count = 0
        self._interim_count = 0
        self._status = 0
        self._head_done = False
        self._until_close = False
        self._complete = False
        self._keep = False
        self._surplus = False
        self._broken: Why | None = None

    # ---- what the owner does ---------------------------------------------------------------------------------------

    def send(self, caller: Caller) -> None:
        """Write the caller's request. Only on an idle connection that is fresh or `is_usable`."""
        self._caller = caller
        self._transport.write(caller.wire)
        if caller.streams_body:
            self._body_open = True
            caller.started(self)

    @property
    def is_open(self) -> bool:
        """As far as the loop knows."""
        return not self._dead and not self._transport.is_closing()

    def is_usable(self) -> bool:
        """Whether an idle connection is still open and silent, asked of the kernel: what the peer did last may not have
        reached the loop. Readable while idle is the end of the stream, the alert before it, or bytes nobody asked for."""
        return self.is_open and not self._poll.poll(0)

    def is_alive(self) -> bool:
        """The same for a new connection, which under TLS may be readable for a good reason: session tickets."""
        if not self.is_open:
            return False
        if not self._poll.poll(0):
            return True
        try:
            return self._is_tls and self._sock.recv(1, _PEEK) != b""
        except OSError:
            return False

    def abandon(self, why: Why) -> None:
        """Give the call up: the connection dies, and the caller is told Lost."""
        self._end(Lost(why))

    def close(self) -> None:
        """Close an idle connection in good order."""
        self._dead = True
        if self._transport is not None:
            self._transport.close()

    def abort(self) -> None:
        """Close without waiting for anybody: what a peer that does not answer the close gets."""
        self._end(Lost(Why.SHUTDOWN))
        if self._transport is not None:
            reset_on_close(self._sock)
            self._transport.abort()

    # ---- streamed request bodies (httpx facade) --------------------------------------------------------------------

    def write_body(self, data: bytes) -> None:
        if self._body_open and not self._dead:
            self._transport.write(data)

    def end_body(self) -> None:
        self._body_open = False

    def when_writable(self, resume: Callable[[], None] | None) -> None:
        self._resume = resume

    def pause_writing(self) -> None:
        self.write_paused = True

    def resume_writing(self) -> None:
        self.write_paused = False
        if self._resume is not None:
            self._resume()

    # ---- what the loop says ----------------------------------------------------------------------------------------

    def connection_made(self, transport: Any) -> None:
        self._transport = transport
        self._parser = httptools.HttpResponseParser(self)
        self._owner.made(self)

    def data_received(self, data: bytes) -> None:
        if self._dead:
            return
        if self._caller is None:
            self._owner.count_unrequested()
            self._end(None)
            return
        self._wire_bytes += len(data)
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserUpgrade:
            self._broken = Why.MALFORMED  # 101 to a call that asked for none
        except httptools.HttpParserError:
            if self._complete:
                self._surplus = True
            else:
                self._broken = self._broken or Why.MALFORMED
        if self._complete:
            self._deliver()
        elif self._broken is not None:
            self._end(Lost(self._broken))
        elif self._wire_bytes > self._wire_bytes_max or (not self._head_done and self._wire_bytes > self._head_bytes_max):
            self._end(Lost(Why.TOO_LARGE))

    def eof_received(self) -> bool:
        if self._caller is not None and self._until_close and self._broken is None and not self._dead:
            self._complete = True
            self._deliver()
        else:
            self._end(Lost(Why.CLOSED))
        return False

    def connection_lost(self, exc: Exception | None) -> None:
        self._end(Lost(Why.CLOSED))
        self._parser = None  # parser and connection refer to each other
        if self._resume is not None:
            self._resume()
        self._owner.lost(self)

    # ---- what the parser says: note, never decide ------------------------------------------------------------------

    def on_message_begin(self) -> None:
        if self._complete:
            self._surplus = True

    def on_header(self, name: bytes, value: bytes) -> None:
        if self._head_done or self._surplus:
            return  # trailers
        self._header_count += 1
        if self._header_count > self._header_count_max:
            self._broken = Why.TOO_LARGE
            return
        name = name.lower()
        headers = self._headers
        if name in headers:
            if all(name != seen for seen, _ in self._repeated):
                self._repeated += ((name, headers[name]),)
            self._repeated += ((name, value),)
            value = headers[name] + b", " + value
        headers[name] = value

    def on_headers_complete(self) -> None:
        if self._surplus or self._broken is not None:
            return
        parser = self._parser
        status = self._status = parser.get_status_code()
        if status < 200:
            if not 100 <= status < 200 or status == 101:
                self._broken = Why.MALFORMED
            return
        self._head_done = True
        headers = self._headers
        coding = headers.get(b"transfer-encoding")
        length = headers.get(b"content-length")
        if coding is not None and (length is not None or coding.lower() != b"chunked"):
            self._broken = Why.MALFORMED
        elif length is not None:
            if int(length) > self._body_bytes_max:  # digits only: the parser has checked
                self._broken = Why.TOO_LARGE
        elif coding is None and status != 204 and status != 304:
            self._until_close = True
        if parser.get_http_version() not in ("1.1", "1.0"):
            self._broken = Why.MALFORMED
        if self._caller is not None and self._caller.is_head:
            # The parser cannot be told that this length has no body behind it: done here, and the connection closes.
            self._complete = self._broken is None

    def on_body(self, body: bytes) -> None:
        if self._complete or self._broken is not None:
            return
        self._body_bytes += len(body)
        if self._body_bytes > self._body_bytes_max:
            self._broken = Why.TOO_LARGE
        elif not self._body:
            self._body = body
        elif self._more_body is None:
            self._more_body = [body]
        else:
            self._more_body.append(body)

    def on_message_complete(self) -> None:
        if self._broken is not None or self._complete:
            return
        if self._head_done:
            self._complete = True
            self._keep = self._parser.should_keep_alive()
            return
        self._interim_count += 1
        self._headers = {}
        self._repeated = ()
        self._header_count = 0
        if self._interim_count > _INTERIM_ANSWERS_MAX:
            self._broken = Why.MALFORMED

    # ---- endings ---------------------------------------------------------------------------------------------------

    def _deliver(self) -> None:
        caller = self._caller
        if caller is None:
            return
        body = self._body if self._more_body is None else b"".join((self._body, *self._more_body))
        answer = HttpAnswer(self._status, self._headers, body, self._repeated)
        if self._surplus:
            self._owner.count_unrequested()
        if self._keep and not self._surplus and not self._body_open:
            self._caller = None
            self._reset()
            # Released first, so that a caller which asks again at once finds this connection.
            self._owner.released(self)
            caller.finish(answer)
        else:
            self._end(answer)

    def _end(self, result: HttpResult | None) -> None:
        if self._dead and self._caller is None:
            return
        was_dead, self._dead = self._dead, True
        caller, self._caller = self._caller, None
        if self._transport is not None:
            if isinstance(result, HttpAnswer):
                self._transport.close()
            else:
                reset_on_close(self._sock)
                self._transport.abort()  # whatever of ours is still unwritten must not be written any more
        if not was_dead:
            self._owner.gone(self)
        if caller is not None and result is not None:
            caller.finish(result)
