"""The console of a running daemon: signed in over TLS, a deed done and recorded, and all of it there after a kill."""

from __future__ import annotations

import asyncio
import html
import re
import ssl
from pathlib import Path
from urllib.parse import urlencode

from protocols.vocabulary import Secret
from relay.console.accounts import account, write_accounts
from relay.console.identity import Role
from tests.support.certificates import Certificates
from tests.support.consoleroom import CHEAP, fields_of, words_of
from tests.support.daemonworld import PATIENCE_S, DaemonWorld

PASSWORD = "a good long password"


class Client:
    """A browser's requests, each on a connection of its own."""

    def __init__(self, port: int, trust: ssl.SSLContext) -> None:
        self._port = port
        self._trust = trust
        self.cookies: dict[str, str] = {}
        self.status = 0
        self.headers: dict[str, str] = {}

    async def ask(self, method: str, target: str, form: dict[str, str] | None = None) -> str:
        body = b"" if form is None else urlencode(form).encode()
        cookies = "; ".join(f"{name}={value}" for name, value in self.cookies.items())
        head = f"{method} {target} HTTP/1.1\r\nHost: relay.test\r\nConnection: close\r\nCookie: {cookies}\r\n"
        if form is not None:
            head += f"Content-Type: application/x-www-form-urlencoded\r\nContent-Length: {len(body)}\r\n"
        async with asyncio.timeout(PATIENCE_S):
            reader, writer = await asyncio.open_connection(
                "127.0.0.1", self._port, ssl=self._trust, server_hostname="relay.test"
            )
            writer.write(head.encode() + b"\r\n" + body)
            answer = await reader.read()
            writer.close()
        top, _, content = answer.partition(b"\r\n\r\n")
        line, *lines = top.decode().split("\r\n")
        self.status = int(line.split()[1])
        self.headers = {}
        for name, _, value in (each.partition(": ") for each in lines):
            if name == "Set-Cookie":
                key, _, rest = value.partition("=")
                self.cookies[key] = rest.partition(";")[0]
            self.headers[name.lower()] = value
        return content.decode()

    async def submit(self, page: str, action: str, **fields: str) -> str:
        return await self.ask("POST", action, {**fields_of(page, action), **fields})


async def test_signing_in_a_deed_and_a_kill(tmp_path: Path) -> None:
    world = DaemonWorld(tmp_path)
    certificates = Certificates(tmp_path)
    port = world.hold_port()
    accounts = str(tmp_path / "accounts.json")
    write_accounts(accounts, [account("sato", Role.ADMINISTRATOR, Secret(PASSWORD), 0, CHEAP)])
    try:
        await world.start_core()
        world.configure(
            extra=f"""
[console]
endpoint = "tcp:{port}:interface=127.0.0.1"
accounts_path = "{accounts}"
[console.tls]
certificate = "{certificates.relay[0]}"
key = "{certificates.relay[1]}"
"""
        )
        await world.start()
        client = Client(port, certificates.client_context())
        await client.ask("GET", "/")
        assert (client.status, client.headers["location"]) == (303, "/login")
        page = await client.ask("GET", "/login")
        await client.submit(page, "/login", name="sato", password="wrong")
        assert client.status == 401
        await client.submit(page, "/login", name="sato", password=PASSWORD)
        assert (client.status, client.headers["location"]) == (303, "/")
        for path in (
            "/",
            "/sessions",
            "/traffic",
            "/owed",
            "/outbound",
            "/reports",
            "/journal",
            "/tables",
            "/system",
            "/audit",
        ):
            page = await client.ask("GET", path)
            assert client.status == 200, f"{path}: {words_of(page)}"
            assert "default-src 'none'" in client.headers["content-security-policy"]
        style = re.search(r'href="(/assets/console\.[^"]*\.css)"', page)
        assert style is not None
        await client.ask("GET", html.unescape(style[1]))
        assert client.status == 200
        page = await client.ask("GET", "/deed/reload")
        said = words_of(await client.submit(page, "/deed/reload", why="to see that it can"))
        assert "nothing changed" in said
        await world.kill()
        await world.start()
        page = await client.ask("GET", "/audit")
        assert client.status == 200, "the session outlived the kill"
        said = words_of(page)
        assert "Reload the configuration" in said
        assert "to see that it can" in said
        await client.submit(page, "/sign-out")
        await client.ask("GET", "/")
        assert client.status == 303
    finally:
        await world.close()
