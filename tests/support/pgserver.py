"""A real PostgreSQL server of the test's own: in a temporary directory, run by a user without rights, on a socket and a port.

Owns making, starting, killing, copying (as a standby) and promoting. It must never touch a server that it did not start. The
traps: PostgreSQL refuses to run as root; a socket's path is short; and `synchronous_standby_names` belongs into the primary
only once the standby streams, never into what the standby copies, or the promoted server waits for itself for ever. A new
server is a copy of one that was made for this process and shut down cleanly, since making one takes seconds of a core.
"""

from __future__ import annotations

import atexit
import contextlib
import os
import pwd
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from urllib.parse import quote

from tests.support.daemonworld import held_port
from tests.support.tools import need_postgresql

USER = "relay"
DATABASE = "relay"
PASSWORD = "not-a-secret"
START_S = 90
_SETTINGS = """
listen_addresses = '127.0.0.1'
max_connections = 60
shared_buffers = 64MB
max_wal_size = 256MB
wal_level = replica
max_wal_senders = 4
hot_standby = on
log_min_messages = warning
"""
_ACCESS = """
local all all trust
local replication all trust
host all all 127.0.0.1/32 scram-sha-256
"""


def unprivileged() -> pwd.struct_passwd | None:
    """Who the server runs as; None where this process has no rights to give up."""
    if os.geteuid() != 0:
        return None
    try:
        return pwd.getpwnam("postgres")
    except KeyError:
        return pwd.getpwnam("nobody")


class PostgresServer:
    """Running from the moment it is made, until `remove`."""

    def __init__(self, copy_of: PostgresServer | None = None, *, is_first: bool = False) -> None:
        self.programs = need_postgresql()
        self.folder = Path(tempfile.mkdtemp(prefix="pg"))
        self.data = self.folder / "data"
        self._held = held_port()
        self.port = int(self._held.getsockname()[1])
        self.environment: dict[str, str] = {}  # beside this process's own, from the next start on
        self._user = unprivileged()
        if self._user is not None:
            os.chown(self.folder, self._user.pw_uid, self._user.pw_gid)
        self._process: subprocess.Popen[bytes] | None = None
        try:
            if copy_of is not None:
                self._copy(copy_of)
            elif is_first:
                self._make()
            else:
                self._call("/bin/cp", "-a", str(_first().data), str(self.data))
            self.start()
            if is_first:
                self.sql(f"CREATE ROLE {USER} LOGIN PASSWORD '{PASSWORD}'", database="postgres")
                self.sql(f"CREATE DATABASE {DATABASE} OWNER {USER}", database="postgres")
        except BaseException:
            self.remove()
            raise

    @property
    def place(self) -> str:
        """Host and port as a DSN names them: the socket."""
        return f"{quote(str(self.folder), safe='')}:{self.port}"

    @property
    def dsn(self) -> str:
        return f"postgresql://{USER}@{self.place}/{DATABASE}"

    # ---- life --------------------------------------------------------------------------------------------------------
    def start(self) -> None:
        log = (self.folder / "log").open("ab")
        command = [str(self.programs / "postgres"), "-D", str(self.data), "-k", str(self.folder), "-p", str(self.port)]
        environment = {**os.environ, **self.environment}
        self._process = subprocess.Popen(command, stdout=log, stderr=log, env=environment, **self._as_user())
        log.close()
        self._wait_ready()

    def kill(self) -> None:
        """kill -9 of the whole server: nobody is told, nothing is flushed."""
        if self._process is None:
            return
        children = subprocess.run(
            ["pgrep", "-P", str(self._process.pid)], capture_output=True, text=True, check=False
        ).stdout.split()
        self._process.kill()
        self._process.wait()
        for child in children:  # they notice their parent's death; nothing may still answer meanwhile
            try:
                os.kill(int(child), 9)
            except ProcessLookupError:
                continue
        self._process = None

    def quit(self, number: int = signal.SIGQUIT) -> None:
        """End at once, also where it is trying to come up again after a PANIC: nothing is flushed, no child is left.
        SIGINT: everything is flushed."""
        if self._process is not None:
            self._process.send_signal(number)
            self._process.wait(START_S)
            self._process = None

    def remove(self) -> None:
        self.kill()
        self._held.close()
        shutil.rmtree(self.folder, ignore_errors=True)

    # ---- a pair ------------------------------------------------------------------------------------------------------
    def standby(self, *, synchronous: bool = True) -> PostgresServer:
        """A server that follows this one, and that this one waits for."""
        copy = PostgresServer(copy_of=self)
        if synchronous:
            self.wait_for("SELECT count(*) > 0 FROM pg_stat_replication WHERE state = 'streaming'")
            self.sql("ALTER SYSTEM SET synchronous_standby_names = 'standby'", database="postgres")
            self.sql("SELECT pg_reload_conf()", database="postgres")
            self.wait_for("SELECT count(*) > 0 FROM pg_stat_replication WHERE sync_state = 'sync'")
        return copy

    def promote(self) -> None:
        self.sql("SELECT pg_promote(true, 30)", database="postgres")

    def wait_for(self, question: str) -> None:
        """Until `question` is answered with true; the server itself waits, nobody sleeps here."""
        loop = (
            "DO $$ BEGIN FOR i IN 1..1800 LOOP PERFORM pg_stat_clear_snapshot();"
            f" IF ({question}) THEN RETURN; END IF; PERFORM pg_sleep(0.05); END LOOP;"
            " RAISE EXCEPTION 'waited in vain'; END $$"
        )
        self.sql(loop, database="postgres", timeout_s=START_S + 30)

    def holds_commits(self) -> bool:
        """Whether a commit of nobody's waits for a standby. It is cut short then, and done all the same."""
        program = shutil.which("psql") or str(self.programs / "psql")
        words = ["-X", "-q", "-h", str(self.folder), "-p", str(self.port), "-U", self._owner, "-d", DATABASE]
        write = "SELECT pg_logical_emit_message(true, 'nobody', '')"
        environment = {**os.environ, "PGAPPNAME": "nobody"}
        with subprocess.Popen(
            [program, *words, "-c", write], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=environment
        ) as psql:
            cut = "SELECT count(pg_cancel_backend(pid)) FROM pg_stat_activity"
            where = "WHERE application_name = 'nobody' AND wait_event = 'SyncRep'"
            is_held = False
            while psql.poll() is None:
                is_held = is_held or self.sql(f"{cut} {where}", database="postgres") != "0"
            return is_held

    def sql(self, statement: str, *, database: str = DATABASE, user: str | None = None, timeout_s: float = 60) -> str:
        """What psql prints for one statement, as the server's owner (or `user`), rows as lines, cells between bars."""
        done = subprocess.run(
            [
                shutil.which("psql") or str(self.programs / "psql"),
                *("-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1"),
                *("-h", str(self.folder), "-p", str(self.port), "-U", user or self._owner, "-d", database, "-c", statement),
            ],
            capture_output=True,
            text=True,
            check=False,
            timeout=timeout_s,
        )
        if done.returncode:
            raise RuntimeError(done.stderr)
        return done.stdout.strip()

    @contextlib.contextmanager
    def holding(self, statement: str) -> Iterator[None]:
        """A session in the middle of a transaction: `statement` is done, and nothing more for as long as this lasts."""
        words = ["-X", "-q", "-h", str(self.folder), "-p", str(self.port), "-U", self._owner, "-d", DATABASE]
        program = shutil.which("psql") or str(self.programs / "psql")
        with subprocess.Popen([program, *words], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as session:
            assert session.stdin is not None
            assert session.stdout is not None
            session.stdin.write(f"BEGIN;\n{statement};\n\\echo held\n")
            session.stdin.flush()
            while session.stdout.readline() not in ("held\n", ""):
                pass
            try:
                yield
            finally:
                session.stdin.close()

    # ---- making ------------------------------------------------------------------------------------------------------
    @property
    def _owner(self) -> str:
        return "postgres"

    def _make(self) -> None:
        self._call("initdb", "-D", str(self.data), "-U", self._owner, "-A", "trust", "-E", "UTF8", "--locale=C", "--no-sync")
        with (self.data / "postgresql.conf").open("a", encoding="ascii") as file:
            file.write(_SETTINGS)
        (self.data / "pg_hba.conf").write_text(_ACCESS, encoding="ascii")

    def _copy(self, primary: PostgresServer) -> None:
        source = f"host={primary.folder} port={primary.port} user={self._owner} application_name=standby"
        self._call("pg_basebackup", "-D", str(self.data), "-R", "-X", "stream", "-c", "fast", "--no-sync", "-d", source)

    def _wait_ready(self) -> None:
        for _ in range(START_S * 10):
            done = subprocess.run(
                [str(self.programs / "pg_isready"), "-q", "-t", "1", "-h", str(self.folder), "-p", str(self.port)], check=False
            )
            if done.returncode == 0:
                return
            if self._process is None or self._process.poll() is not None:
                break
            try:
                self._process.wait(0.1)  # a pause that ends early when the server does
            except subprocess.TimeoutExpired:
                continue
        raise RuntimeError((self.folder / "log").read_text(encoding="utf-8", errors="replace"))

    def _call(self, program: str, *arguments: str) -> None:
        done = subprocess.run(
            [str(self.programs / program), *arguments], capture_output=True, text=True, check=False, **self._as_user()
        )
        if done.returncode:
            raise RuntimeError(f"{program}: {done.stderr}{done.stdout}")

    def _as_user(self) -> dict[str, object]:
        options: dict[str, object] = {"cwd": self.folder}
        if self._user is not None:
            options |= {"user": self._user.pw_uid, "group": self._user.pw_gid, "extra_groups": []}
        return options


class PostgresPair:
    """A primary and its synchronous standby."""

    def __init__(self) -> None:
        self.primary = PostgresServer()
        self.servers = [self.primary]
        try:
            self.standby = self.primary.standby()
            self.servers.append(self.standby)
        except BaseException:
            self.remove()
            raise

    @property
    def dsn(self) -> str:
        return f"postgresql://{USER}@{','.join(server.place for server in (self.primary, self.standby))}/{DATABASE}"

    def remove(self) -> None:
        for server in self.servers:
            server.remove()


@cache
def _first() -> PostgresServer:
    """Not running; its data is what every other server of this process begins with."""
    made = PostgresServer(is_first=True)
    made.quit(signal.SIGINT)
    atexit.register(made.remove)
    return made
