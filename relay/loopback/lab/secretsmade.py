"""The lab's secrets and certificates: made at each `up`, gone with the folder.

Owns their files. It must never print one. The traps: each center has its own journal key, and the other one's beside it, or
an adopted journal would be unreadable; and both have the same key of the run log and the same authenticators of people.
"""

from __future__ import annotations

import os
import secrets
from base64 import b64encode
from pathlib import Path

import msgspec

from relay.failover.codes import SECRET_BYTES, secret_text
from relay.loopback.lab.centers import CORE_NAME
from relay.loopback.lab.door import Door
from relay.loopback.lab.drillplan import LOG_KEY, PEOPLE
from relay.loopback.lab.laying import Command
from relay.loopback.lab.topology import CENTERS, peer_of

_EC = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "30")


class Secrets(msgspec.Struct, frozen=True):
    """`region_mac` signs the record in DNS, `update` the changes of the zone (base64). `password` is everybody's at the
    consoles, `authenticators` are the secrets on people's telephones (base32), by login."""

    region_mac: str
    update: str
    password: str
    authenticators: dict[str, str]

    @classmethod
    def of(cls, folder: Path) -> Secrets:
        return msgspec.json.decode((folder / "secrets.json").read_bytes(), type=cls)


def make(door: Door, credentials: dict[str, str]) -> Secrets:
    """All of them, in the lab's folder. `credentials` are the fake peers' own."""
    made = Secrets(
        region_mac=secrets.token_hex(32),
        update=b64encode(secrets.token_bytes(32)).decode(),
        password=secrets.token_urlsafe(12),
        authenticators={one.login: secret_text(secrets.token_bytes(SECRET_BYTES)) for one in PEOPLE},
    )
    _write(door.folder / "secrets.json", msgspec.json.encode(made).decode())
    common = {"region-mac": made.region_mac, "pair-mac": secrets.token_hex(32), LOG_KEY: secrets.token_hex(32)}
    common |= {one.authenticator: made.authenticators[one.login] for one in PEOPLE}
    keys = {city: secrets.token_hex(32) for city in CENTERS}
    ca, ca_key = door.folder / "authorities.pem", door.folder / "authorities.key"
    door.run(Command(("openssl", "req", "-x509", *_EC, "-keyout", str(ca_key), "-out", str(ca), "-subj", "/CN=lab")))
    _issue(door, "core", CORE_NAME, door.folder)
    for city in CENTERS:
        folder = door.folder / city
        (folder / "credentials").mkdir(parents=True, mode=0o700)
        own = {"journal-key": keys[city], "peer-journal-key": keys[peer_of(city)]}
        for name, value in (common | credentials | own).items():
            _write(folder / "credentials" / name, value)
        _issue(door, "pair", f"{city}.lab", folder)
        _issue(door, "console", f"console.{city}.lab", folder)
        (folder / "authorities.pem").write_bytes(ca.read_bytes())
    return made


def _issue(door: Door, name: str, subject: str, folder: Path) -> None:
    """A certificate of the lab's authority for a DNS name, as NAME.pem and NAME.key."""
    ca = ("-CA", str(door.folder / "authorities.pem"), "-CAkey", str(door.folder / "authorities.key"))
    signed = (*ca, "-subj", f"/CN={subject}", "-addext", f"subjectAltName=DNS:{subject}")
    files = ("-keyout", str(folder / f"{name}.key"), "-out", str(folder / f"{name}.pem"))
    door.run(Command(("openssl", "req", "-x509", *_EC, *signed, *files)))
    (folder / f"{name}.key").chmod(0o600)


def _write(path: Path, value: str) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write(value)
