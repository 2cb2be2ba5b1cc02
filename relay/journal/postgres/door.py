"""The one door to asyncpg: connections to one server each, and what an error means for a record.

Owns `Connection`, `connect` and the three errors that the rest of the engine knows. It must never know a statement of the
journal. The traps: asyncpg answers its own time-outs and every cancelled await with a cancel request, which turns a commit that
waits for its standby into a local one that looks like success; so nothing here is ever cancelled: when patience ends the
connection is cut, and what it had under way is unknown. An administrator can cancel too; then the server says OK with a
warning before it, so a warning makes a result unknown. And asyncpg's own list of hosts ends at the first that is starting up
or refuses the password; so each server is tried by itself.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Final, TypeVar
from urllib.parse import unquote, urlsplit

import asyncpg  # type: ignore[import-untyped]  # it ships no types; nothing of it leaves this file
import msgspec

from protocols.vocabulary import Secret

DEFAULT_PORT: Final = 5432
SUPERSEDED: Final = "RL001"  # raised by our own function `hold`
_GONE: Final = ("08", "57P01", "57P02", "57P03", "57P05", "25006", "25P03")  # the session ends, or the server writes no longer
_RECORD: Final = ("22", "23")  # data exception, integrity violation: a record's own fault
_CLOSE_S: Final = 1.0
Result = TypeVar("Result")


class Lost(Exception):
    """The connection is gone. Whatever it had under way may be durable or not: read it back."""


class Refused(Exception):
    """The server said no, in words: nothing of the transaction is durable."""

    def __init__(self, state: str, message: str) -> None:
        super().__init__(f"{message} ({state})")
        self.state = state  # SQLSTATE, PostgreSQL appendix A


class BadRecord(Exception):
    """What was given cannot be stored: a broken reference, a number or text that the database cannot hold."""


class Server(msgspec.Struct, frozen=True):
    host: str  # a name, an address, or the directory of a socket
    port: int

    def __str__(self) -> str:
        return f"{self.host}:{self.port}"


def servers(dsn: str) -> list[Server]:
    """The servers that a DSN names, in its order. Raises ValueError for one that is none."""
    parts = urlsplit(dsn)
    if parts.scheme not in ("postgresql", "postgres"):
        raise ValueError("it begins with postgresql://")
    named = parts.netloc.rpartition("@")[2]
    found: list[Server] = []
    for each in named.split(","):
        host, port = each, ""
        if each.startswith("["):
            host, _, rest = each[1:].partition("]")
            port = rest.removeprefix(":")
        elif ":" in each:
            host, _, port = each.rpartition(":")
        if port and not (port.isdecimal() and 0 < int(port) < 65_536):
            raise ValueError(f'"{port}" is no port')
        if not host:
            raise ValueError("it names a server: postgresql://relay@db1:5432,db2:5432/relay")
        found.append(Server(unquote(host), int(port) if port else DEFAULT_PORT))
    return found


class Connection:
    """One session on one server. Every method raises Lost, Refused or BadRecord; after Lost it is closed."""

    def __init__(self, raw: Any, server: Server, patience_s: float) -> None:
        self.server = server
        self._raw = raw
        self._patience_s = patience_s
        self._lock = asyncio.Lock()  # asyncpg does one thing at a time
        self._warning = ""
        raw.add_log_listener(self._noticed)

    @property
    def is_closed(self) -> bool:
        return bool(self._raw.is_closed())

    async def rows(self, sql: str, *parameters: object) -> list[Any]:
        """All rows, each indexed by number."""
        found: list[Any] = await self._guard(lambda: self._raw.fetch(sql, *parameters))
        return found

    async def run(self, sql: str) -> None:
        """One or more statements without parameters."""
        await self._guard(lambda: self._raw.execute(sql))

    @contextmanager
    def patient(self, patience_s: float) -> Iterator[None]:
        """Work that may take longer than a commit: a migration, the reading of what an earlier life left."""
        usual, self._patience_s = self._patience_s, max(patience_s, self._patience_s)
        try:
            yield
        finally:
            self._patience_s = usual

    def cut(self) -> None:
        """Close without a word to the server: what is under way stays unknown."""
        self._raw.terminate()

    async def close(self) -> None:
        try:
            await self._raw.close(timeout=_CLOSE_S)
        except (OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError):
            self._raw.terminate()

    async def _guard(self, ask: Any) -> Any:
        async with self._lock:
            self._warning = ""
            handle = asyncio.get_running_loop().call_later(self._patience_s, self._raw.terminate)
            try:
                result = await _meaning(ask())
            except Lost:
                self._raw.terminate()
                raise
            finally:
                handle.cancel()
            if self._warning:
                self._raw.terminate()
                raise Lost(self._warning)
            return result

    def _noticed(self, _: Any, message: Any) -> None:
        """Called before the result of its statement is: both are put in the loop's queue in the order they were read."""
        if getattr(message, "severity_en", None) == "WARNING" or getattr(message, "severity", "") == "WARNING":
            self._warning = str(message)


async def connect(
    server: Server,
    dsn: str,
    password: Secret | None,
    settings: Mapping[str, str],
    *,
    connect_s: float,
    patience_s: float,
    session: str = "read-write",
) -> Connection:
    """One session; by default only on a server that writes. Raises Lost for one that is away, and Refused."""
    try:
        raw = await _meaning(
            asyncpg.connect(
                dsn,
                host=server.host,
                port=server.port,
                password=None if password is None else password.reveal(),
                timeout=connect_s,
                server_settings=dict(settings),
                target_session_attrs=session,
            )
        )
    except BadRecord as error:  # a DSN that asyncpg cannot read
        raise Refused("08001", str(error)) from None
    return Connection(raw, server, patience_s)


async def _meaning(work: Awaitable[Result]) -> Result:
    """The result of `work`, or what its error means."""
    try:
        return await work
    except asyncpg.PostgresError as error:
        state = str(error.sqlstate or "08000")
        if state.startswith(_GONE):
            raise Lost(f"{error} ({state})") from error
        if state.startswith(_RECORD):
            raise BadRecord(f"{type(error).__name__} ({state})") from error
        raise Refused(state, str(error)) from error
    except asyncpg.InterfaceError as error:
        if isinstance(error, ValueError):  # it found an argument that cannot be encoded, and sent nothing
            raise BadRecord(type(error).__name__) from error
        raise Lost(f"{error}") from error
    except (UnicodeEncodeError, OverflowError) as error:
        raise BadRecord(type(error).__name__) from error
    except (OSError, asyncpg.InternalClientError, TimeoutError, EOFError) as error:
        raise Lost(f"{error}" or type(error).__name__) from error
    except Exception as error:  # asyncpg trips over what is no PostgreSQL, in any way; whoever asked must hear it
        raise Lost(f"an answer that is not PostgreSQL's: {type(error).__name__}: {error}") from error
