"""Certificates for a test: an authority, a relay, a terminal, and an impostor's authority.

Owns temporary PEM files. Nothing here is a secret.
"""

from __future__ import annotations

import ssl
from pathlib import Path

import trustme


class Certificates:
    def __init__(self, folder: Path) -> None:
        authority, impostor = trustme.CA(), trustme.CA()
        self.authorities = str(folder / "authorities.pem")
        authority.cert_pem.write_to_path(self.authorities)
        self.relay = self._write(folder, "relay", authority.issue_cert("relay.test", "127.0.0.1"))
        self.terminal = self._write(folder, "terminal", authority.issue_cert("atm1.test", common_name="ATM One"))
        self.impostor = self._write(folder, "impostor", impostor.issue_cert("atm1.test"))

    def client_context(self, own: tuple[str, str] | None = None) -> ssl.SSLContext:
        context = ssl.create_default_context(cafile=self.authorities)
        if own is not None:
            context.load_cert_chain(*own)
        return context

    @staticmethod
    def _write(folder: Path, name: str, issued: trustme.LeafCert) -> tuple[str, str]:
        chain, key = folder / f"{name}.pem", folder / f"{name}.key"
        for number, blob in enumerate(issued.cert_chain_pems):
            blob.write_to_path(str(chain), append=number > 0)
        issued.private_key_pem.write_to_path(str(key))
        return str(chain), str(key)
