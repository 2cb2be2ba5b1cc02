"""Real name servers for a test: BIND as the zone's primary, changed by RFC 2136, and Knot as its secondary, told by NOTIFY.

Owns their configuration, their processes and the update. Everything is in the test's own folder and on ports of 127.0.0.1.
The trap: a server that is up may not have its zone yet, so both are asked for it before they count as started.
"""

from __future__ import annotations

import asyncio
import contextlib
import secrets
import socket
from base64 import b64encode
from collections.abc import Sequence
from pathlib import Path

import dns.asyncquery
import dns.exception
import dns.flags
import dns.message
import dns.query
import dns.rcode
import dns.tsigkeyring
import dns.update

from relay.loopback.stage import free_port
from tests.support.daemonworld import next_look
from tests.support.tools import need_tool

ZONE = "core.test"
PATIENCE_S = 60.0


def free_udp_port(*ips: str) -> int:
    """Held for TCP, and free for UDP at these addresses when it was looked at: below what the system lends, so that nobody gets
    it by chance."""
    while True:
        port = free_port()
        if all(_is_free_udp(ip, port) for ip in ips or ("127.0.0.1",)):
            return port


def _is_free_udp(ip: str, port: int) -> bool:
    with contextlib.suppress(OSError), socket.socket(type=socket.SOCK_DGRAM) as datagrams:
        datagrams.bind((ip, port))
        return True
    return False


class RealDns:
    """`also_notify` are ports of 127.0.0.1 that hear NOTIFY beside the secondary's."""

    def __init__(self, folder: Path, records: Sequence[str], also_notify: Sequence[int] = ()) -> None:
        self.folder = folder
        self.secret = b64encode(secrets.token_bytes(32)).decode()
        self.primary_port, self.secondary_port = free_udp_port(), free_udp_port()
        self._records = records
        self._also_notify = also_notify
        self._processes: list[asyncio.subprocess.Process] = []

    @property
    def servers(self) -> list[str]:
        return [f"127.0.0.1:{self.primary_port}", f"127.0.0.1:{self.secondary_port}"]

    async def start(self) -> None:
        """Both, with the zone. Skips the test where one of them is not installed."""
        named, knotd = need_tool("named"), need_tool("knotd")
        for name in ("bind", "knot", "knot/db", "knot/zones"):
            (self.folder / name).mkdir()
        zone = ["$TTL 5", f"@ SOA ns.{ZONE}. admin.{ZONE}. 1 5 1 60 5", f"@ NS ns.{ZONE}.", "ns A 127.0.0.1", *self._records]
        (self.folder / "bind" / "zone").write_text("\n".join(zone) + "\n")
        (self.folder / "named.conf").write_text(self._named())
        (self.folder / "knot.conf").write_text(self._knot())
        await self._spawn(named, "-g", "-c", str(self.folder / "named.conf"), "-X", "none")
        await self._serves(self.primary_port)
        await self._spawn(knotd, "-c", str(self.folder / "knot.conf"))
        await self._serves(self.secondary_port)

    async def update(self, **records: tuple[str, str]) -> None:
        """One update of the primary: name -> (type, text). Raises AssertionError where it is refused."""
        update = dns.update.UpdateMessage(ZONE, keyring=dns.tsigkeyring.from_text({"relay.": self.secret}))
        for name, (kind, text) in records.items():
            update.replace(name, 5, kind, text)
        answer = await dns.asyncquery.tcp(update, "127.0.0.1", port=self.primary_port, timeout=PATIENCE_S)
        assert answer.rcode() == dns.rcode.NOERROR, answer

    async def stop(self) -> None:
        for process in self._processes:
            with contextlib.suppress(ProcessLookupError):
                process.kill()
            await process.wait()

    async def stop_secondary(self) -> None:
        self._processes[1].kill()
        await self._processes[1].wait()

    async def _spawn(self, *words: str) -> None:
        with (self.folder / "servers.log").open("ab") as log:
            self._processes.append(
                await asyncio.create_subprocess_exec(*words, stdin=asyncio.subprocess.DEVNULL, stdout=log, stderr=log)
            )

    async def _serves(self, port: int) -> None:
        query = dns.message.make_query(ZONE, "SOA")
        async with asyncio.timeout(PATIENCE_S):
            while True:
                if self._processes[-1].returncode is not None:
                    raise AssertionError((self.folder / "servers.log").read_text())
                with contextlib.suppress(dns.exception.DNSException, OSError):
                    answer = await dns.asyncquery.udp(query, "127.0.0.1", port=port, timeout=0.2)
                    if answer.rcode() == dns.rcode.NOERROR and answer.flags & dns.flags.AA:
                        return
                await next_look()

    def _named(self) -> str:
        told = " ".join(f"127.0.0.1 port {port};" for port in (self.secondary_port, *self._also_notify))
        return f"""
options {{
    directory "{self.folder}/bind"; pid-file none; session-keyfile none;
    listen-on port {self.primary_port} {{ 127.0.0.1; }}; listen-on-v6 {{ none; }};
    recursion no; dnssec-validation no; allow-transfer {{ 127.0.0.1; }};
    notify explicit; also-notify {{ {told} }}; notify-delay 0; notify-rate 1000; startup-notify-rate 1000;
}};
controls {{ }};
key "relay." {{ algorithm hmac-sha256; secret "{self.secret}"; }};
zone "{ZONE}" {{
    type primary; file "zone";
    update-policy {{
        grant relay. name active.{ZONE}. CNAME;
        grant relay. name _active.{ZONE}. TXT;
    }};
}};
"""

    def _knot(self) -> str:
        return f"""
server:
    rundir: "{self.folder}/knot"
    listen: 127.0.0.1@{self.secondary_port}
log:
  - target: stderr
    any: info
database:
    storage: "{self.folder}/knot/db"
remote:
  - id: primary
    address: 127.0.0.1@{self.primary_port}
acl:
  - id: from-primary
    address: 127.0.0.1
    action: notify
template:
  - id: default
    storage: "{self.folder}/knot/zones"
zone:
  - domain: {ZONE}
    master: primary
    acl: from-primary
"""
