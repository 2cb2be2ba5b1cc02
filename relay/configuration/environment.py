"""What a configuration needs of the host it runs on: files, certificates, credentials, directories.

Owns the checks that read this machine. It must never change it: no file is made, no port is bound. The trap: `relay check` is
run by an operator, but the service runs as another user with credentials that systemd shows to nobody else; so what only
the service can see is a warning here, never a mistake.
"""

from __future__ import annotations

import os
import shutil
import stat
from collections.abc import Callable, Iterator, Mapping
from importlib.util import find_spec
from pathlib import Path as FilePath

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization

from relay.configuration.lines import Path
from relay.configuration.relations import Finding, credential_names, links
from relay.configuration.servicehost import check_announce_here
from relay.credentials import Credentials, CredentialUnusable
from relay.settings import ListenerSettings, Settings, TlsSettings

CERTIFICATE_WARNING_DAYS = 30
DISK_FREE_BYTES_MIN = 512 * 1024 * 1024
SOCKET_PATH_BYTES_MAX = 107  # sockaddr_un.sun_path less its NUL; unix(7)
_DAY_MS = 86_400_000
_NETWORK_FILE_SYSTEMS = frozenset({"nfs", "nfs4", "cifs", "smb3", "9p", "ceph", "glusterfs", "fuse.glusterfs", "fuse.sshfs"})


def machine_check(wall_ms: int, environ: Mapping[str, str] | None = None) -> Callable[[Settings], Iterator[Finding]]:
    """The checks for this host at `wall_ms` (UTC epoch milliseconds); `environ` replaces the process's environment."""

    def check_machine(settings: Settings) -> Iterator[Finding]:
        credentials = Credentials(settings.relay.credentials_directory, environ)
        yield from _credentials(settings, credentials)
        if settings.journal.engine == "sqlite":
            yield from _journal(FilePath(settings.journal.path))
        else:
            yield from _driver()
        if settings.journal.archive_directory is not None:
            yield from _archive(FilePath(settings.journal.archive_directory))
        yield from _control(settings.control.path)
        for wrong in check_announce_here(settings.announce):
            yield Finding(wrong.path, wrong.problem, wrong.suggestion, is_warning=wrong.is_warning)
        tables: list[tuple[Path, TlsSettings | None, bool]] = [(("core", "tls"), settings.core.tls, False)]
        tables.append((("outbound", "tls"), settings.outbound.tls, True))
        if (pair := settings.pair).certificate is not None and pair.key is not None:
            tables.append(
                (("pair",), TlsSettings(certificate=pair.certificate, key=pair.key, authorities=pair.authorities), True)
            )
        if (console := settings.console.tls) is not None:
            tables.append((("console", "tls"), TlsSettings(certificate=console.certificate, key=console.key), True))
        tables += [((*path, "tls"), link.tls, isinstance(link, ListenerSettings)) for path, link in links(settings)]
        for path, tls, is_server in tables:
            if tls is not None:
                yield from _tls(path, tls, is_server, credentials, wall_ms)

    return check_machine


def _credentials(settings: Settings, credentials: Credentials) -> Iterator[Finding]:
    if not credentials.directories:
        yield Finding(
            ("relay", "credentials_directory"),
            "credentials were not checked: systemd shows them to the service only",
            "set $RELAY_CREDENTIALS to their directory to check them",
            is_warning=True,
        )
        return
    for path, name in credential_names(settings):
        try:
            if path[:2] in {("journal", "key_credential"), ("journal", "older_key_credentials")}:
                credentials.journal_key(name)
            elif path[:2] in {("region", "mac_credentials"), ("pair", "mac_credentials")}:
                credentials.mac_key(name)
            else:
                credentials.secret(name)
        except CredentialUnusable as error:
            yield Finding(path, error.problem.rstrip("."), error.next_step)


def _driver() -> Iterator[Finding]:
    if find_spec("asyncpg") is None:
        yield Finding(
            ("journal", "engine"), "the driver of PostgreSQL is not installed", "pip install 'relay-center[postgresql]'"
        )


def _journal(path: FilePath) -> Iterator[Finding]:
    where, directory = ("journal", "path"), path.parent
    if not path.is_absolute():
        yield Finding(
            where, f'"{path}" depends on the directory that the relay is started in', "write the whole path", (), True
        )
    if path.is_dir():
        yield Finding(where, f"{path} is a directory", f"name a file in it: {path / 'journal.sqlite'}")
        return
    if not directory.is_dir():
        is_state = directory.is_relative_to("/var/lib")  # made by systemd at the first start
        make = f"install -d -m 0700 -o relay {directory}"
        yield Finding(where, f"there is no directory {directory}", f"StateDirectory= in the unit, or {make}", (), is_state)
        return
    if not os.access(directory, os.W_OK | os.X_OK) or (path.exists() and not os.access(path, os.R_OK | os.W_OK)):
        yield Finding(
            where, f"{directory} cannot be written by this user", "check as the user of the service: sudo -u relay relay check"
        )
    kind = file_system(directory)
    if kind in _NETWORK_FILE_SYSTEMS:
        yield Finding(where, f"{directory} is on {kind}: a journal on a network file system can be lost", "use a local disk")
    free = shutil.disk_usage(directory).free
    if free < DISK_FREE_BYTES_MIN:
        yield Finding(
            where, f"only {free // 1_048_576} MiB are free in {directory}", "make room before the disk is full", (), True
        )
    if not _gives_pages_back(path):
        yield Finding(
            where,
            f"{path} was made by an older relay: it keeps its empty pages",
            f"with the relay stopped, as its user: sqlite3 {path} 'PRAGMA auto_vacuum = INCREMENTAL; VACUUM;'",
            (),
            True,
        )


def _gives_pages_back(path: FilePath) -> bool:
    """False for an SQLite file without incremental vacuum: the fields at 52 and 64 of its header (sqlite.org, "Database File
    Format", 1.3) are not both set. True for what cannot be read, which is said elsewhere."""
    try:
        with path.open("rb") as file:
            header = file.read(100)
    except OSError:
        return True
    return len(header) < 100 or (any(header[52:56]) and any(header[64:68]))


def _archive(directory: FilePath) -> Iterator[Finding]:
    where = ("journal", "archive_directory")
    if not directory.is_absolute():
        yield Finding(where, f'"{directory}" depends on the directory that the relay is started in', "write the whole path")
    if directory.exists() and not directory.is_dir():
        yield Finding(where, f"{directory} is no directory", "name a directory of its own")
        return
    at = directory if directory.is_dir() else directory.parent  # the last part is made at the first run
    if not at.is_dir():
        is_state = directory.is_relative_to("/var/lib")
        make = f"install -d -m 0700 -o relay {directory}"
        yield Finding(where, f"there is no directory {at}", f"StateDirectory= in the unit, or {make}", (), is_state)
    elif not os.access(at, os.W_OK | os.X_OK):
        suggestion = "check as the user of the service: sudo -u relay relay check; in a unit it needs ReadWritePaths="
        yield Finding(where, f"{at} cannot be written by this user", suggestion)


def file_system(directory: FilePath, mounts: FilePath = FilePath("/proc/self/mounts")) -> str:
    """The type of the file system that holds `directory`; empty where the kernel does not say."""
    try:
        table = [line.split(" ") for line in mounts.read_text(encoding="utf-8", errors="replace").splitlines()]
    except OSError:
        return ""
    inside = directory.resolve()
    holding = [(row[1], row[2]) for row in table if len(row) > 2 and inside.is_relative_to(row[1])]
    return max(holding, key=lambda row: len(row[0]))[1] if holding else ""


def _control(path: str) -> Iterator[Finding]:
    where = ("control", "path")
    if len(os.fsencode(path)) > SOCKET_PATH_BYTES_MAX:
        yield Finding(where, f"a socket's path has {SOCKET_PATH_BYTES_MAX} bytes at most", "choose a shorter path")
    directory = FilePath(path).parent
    if not directory.is_dir():
        is_run = directory.is_relative_to("/run")  # made by systemd when the service starts
        yield Finding(
            where, f"there is no directory {directory}", f"RuntimeDirectory= in the unit, or mkdir {directory}", (), is_run
        )


# ---- TLS ----------------------------------------------------------------------------------------------------------------
def _tls(path: Path, tls: TlsSettings, is_server: bool, credentials: Credentials, wall_ms: int) -> Iterator[Finding]:
    chain: list[x509.Certificate] = []
    if tls.certificate is not None:
        read = _certificates((*path, "certificate"), tls.certificate)
        if isinstance(read, Finding):
            yield read
        else:
            chain = read
            yield from _validity((*path, "certificate"), chain[:1], wall_ms)
    elif is_server:
        yield Finding(path, "a listener with TLS needs a certificate and its key", "add certificate and key")
    if tls.authorities is not None:
        read = _certificates((*path, "authorities"), tls.authorities)
        if isinstance(read, Finding):
            yield read
        else:
            yield from _validity((*path, "authorities"), read, wall_ms)
    if tls.key is not None:
        yield from _key((*path, "key"), tls.key, chain, credentials)


def _certificates(path: Path, file: str) -> list[x509.Certificate] | Finding:
    try:
        return x509.load_pem_x509_certificates(FilePath(file).read_bytes())
    except OSError as error:
        return Finding(path, f"{file} cannot be read: {error.strerror}")
    except ValueError:
        return Finding(path, f"{file} holds no PEM certificate", "it begins with -----BEGIN CERTIFICATE-----")


def _validity(path: Path, certificates: list[x509.Certificate], wall_ms: int) -> Iterator[Finding]:
    for certificate in certificates:
        name = certificate.subject.rfc4514_string() or "the certificate"
        until, since = certificate.not_valid_after_utc, certificate.not_valid_before_utc
        days = int(until.timestamp() * 1000 - wall_ms) // _DAY_MS
        if until.timestamp() * 1000 <= wall_ms:
            yield Finding(path, f"{name} expired on {until:%Y-%m-%d}", "renew it")
        elif days < CERTIFICATE_WARNING_DAYS:
            yield Finding(path, f"{name} expires in {days} days, on {until:%Y-%m-%d}", "renew it", (), True)
        if since.timestamp() * 1000 > wall_ms:
            yield Finding(path, f"{name} is valid from {since:%Y-%m-%d} on", "is this host's clock right?")


def _key(path: Path, name: str, chain: list[x509.Certificate], credentials: Credentials) -> Iterator[Finding]:
    if name.startswith("credential:"):
        try:
            pem = credentials.read(name.removeprefix("credential:"))
        except CredentialUnusable:
            return  # told with the other credentials
    else:
        try:
            pem = FilePath(name).read_bytes()
            mode = FilePath(name).stat().st_mode
        except OSError as error:
            yield Finding(path, f"{name} cannot be read: {error.strerror}")
            return
        if mode & stat.S_IROTH:
            yield Finding(path, f"{name} can be read by everybody", f"chmod o= {name}", (), True)
    try:
        key = serialization.load_pem_private_key(pem, password=None)
    except TypeError:
        yield Finding(
            path, "this private key needs a password, which nobody types at start", "store it without, as a credential"
        )
        return
    except (ValueError, UnsupportedAlgorithm):
        yield Finding(path, "this is no PEM private key", "it begins with -----BEGIN PRIVATE KEY-----")
        return
    spki = (serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    if chain and chain[0].public_key().public_bytes(*spki) != key.public_key().public_bytes(*spki):
        yield Finding(
            path, "this key does not belong to the certificate", "the first certificate of the file has to be its own"
        )
