"""Two relay centers on loopback addresses of their own, with certificates: what the tests of the way through the peer share.

Owns addresses, ports and PEM contexts. The addresses differ from process to process, so that tests side by side do not meet.
"""

from __future__ import annotations

import asyncio
import os
import socket
import ssl
from collections.abc import Callable
from pathlib import Path

import trustme

from relay.configuration.pair import PairPath
from relay.core.door import Address
from relay.pair.forwarder import Forwarder, ForwardLimits
from relay.pair.tunnel import Tunnel, TunnelLimits
from relay.settings import TlsSettings
from relay.telemetry.metrics import Metrics
from relay.wire.tls import client_context, server_context

_NET = f"127.{60 + os.getpid() // 250 % 60}.{os.getpid() % 250}"
TOKYO, OSAKA, STRANGER = f"{_NET}.1", f"{_NET}.2", f"{_NET}.3"
TO_OSAKA, TO_TOKYO = PairPath("link", TOKYO, OSAKA), PairPath("link", OSAKA, TOKYO)


async def until(holds: Callable[[], bool], patience_s: float = 20.0, look_s: float = 0.0) -> None:
    """Wait for something that nobody tells. Raises TimeoutError."""
    async with asyncio.timeout(patience_s):
        while True:
            if holds():
                return
            await asyncio.sleep(look_s)


class HeldPort:
    """A TCP port of all the room's addresses that is given to nobody who asks for any."""

    def __init__(self) -> None:
        while True:
            first = self._bound(TOKYO, 0)
            self.port: int = first.getsockname()[1]
            try:
                self._held = [first, self._bound(OSAKA, self.port)]
            except OSError:  # somebody has it on every address
                first.close()
                continue
            return

    def close(self) -> None:
        for held in self._held:
            held.close()

    @staticmethod
    def _bound(ip: str, port: int) -> socket.socket:
        held = socket.socket()
        held.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            held.bind((ip, port))
        except OSError:
            held.close()
            raise
        return held


class PairCertificates:
    """One authority, a certificate for each center and for the core; and an impostor of Tokyo from another authority."""

    def __init__(self, folder: Path) -> None:
        authority, other = trustme.CA(), trustme.CA()
        self._authority = authority
        self._folder = folder
        self.authorities = str(folder / "pair-authorities.pem")
        authority.cert_pem.write_to_path(self.authorities)
        self.files = {name: self._write(name, authority.issue_cert(f"{name}.test")) for name in ("tokyo", "osaka", "core")}
        self.files["impostor"] = self._write("impostor", other.issue_cert("tokyo.test"))

    def add_core(self, ip: str) -> None:
        """The core's certificate is for this address from now on."""
        self.files["core"] = self._write("core-at-ip", self._authority.issue_cert(ip))

    def settings(self, name: str) -> TlsSettings:
        certificate, key = self.files[name]
        return TlsSettings(certificate=certificate, key=key, authorities=self.authorities, require_peer_certificate=True)

    def client(self, name: str) -> ssl.SSLContext:
        return client_context(self.settings(name), str)

    def server(self, name: str, is_mutual: bool = True) -> ssl.SSLContext:
        settings = self.settings(name)
        return server_context(settings if is_mutual else settings.model_copy(update={"authorities": None}), str)

    def _write(self, name: str, issued: trustme.LeafCert) -> tuple[str, str]:
        certificate, key = self._folder / f"pair-{name}.pem", self._folder / f"pair-{name}.key"
        for number, blob in enumerate(issued.cert_chain_pems):
            blob.write_to_path(str(certificate), append=number > 0)
        issued.private_key_pem.write_to_path(str(key))
        key.chmod(0o600)
        return str(certificate), str(key)


class Room:
    """A forwarder at Osaka, a tunnel from Tokyo, and cores behind Osaka. `cores` are the addresses that Osaka leads to. Tunnel
    and forwarder are made by `open`.
    """

    def __init__(self, certificates: PairCertificates) -> None:
        self.certificates = certificates
        self.held = HeldPort()
        self.metrics = Metrics()
        self.cores: set[Address] = set()
        self.is_up = True
        self.forwarder: Forwarder | None = None
        self.tunnel = self.make_tunnel()

    @property
    def port(self) -> int:
        return self.held.port

    def make_tunnel(
        self, who: str = "tokyo", center: str = "tokyo", server_name: str = "osaka.test", limits: TunnelLimits | None = None
    ) -> Tunnel:
        return Tunnel(
            [TO_OSAKA],
            self.port,
            center,
            self.certificates.client(who),
            server_name,
            lambda: [self.is_up],
            TunnelLimits(idle_ms=10_000) if limits is None else limits,
            self.metrics,
        )

    def open(self, limits: ForwardLimits | None = None) -> Forwarder:
        self.forwarder = Forwarder(
            [TO_TOKYO],
            self.port,
            "tokyo",
            self.certificates.server("osaka"),
            "tokyo.test",
            lambda: self.cores,
            ForwardLimits(head_ms=5_000) if limits is None else limits,
            self.metrics,
        )
        self.forwarder.start()
        return self.forwarder

    def count(self, result: str) -> float:
        return self.metrics.registry.get_sample_value("relay_pair_forwards_total", {"result": result}) or 0

    def dials(self, result: str) -> float:
        return self.metrics.registry.get_sample_value("relay_pair_dials_total", {"result": result}) or 0

    async def close(self) -> None:
        await self.tunnel.aclose()
        if self.forwarder is not None:
            await self.forwarder.stop()
        self.held.close()
