"""Secrets by name: the one place that reads them, and the only shape that a journal key may have.

Owns where a credential is looked for. It must never print, log or keep one. The traps: a key file written by `echo` ends in
a newline, which is no part of the secret; and a file that others may read is no secret any more, so it is refused.

Source: systemd.exec(5), LoadCredential=: files in $CREDENTIALS_DIRECTORY, named as in the unit, readable by the service only.
"""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Mapping
from pathlib import Path

from protocols.vocabulary import Secret
from relay.errors import ConfigurationError

CREDENTIAL_BYTES_MAX = 1024 * 1024  # systemd's own limit
JOURNAL_KEY_BYTES = 32
JOURNAL_KEY_STEP = "For a new journal: openssl rand -hex 32. An existing one needs the key it was made with."
MAC_KEY_STEP = "Make one with: openssl rand -hex 32. Every relay and whoever edits the zone need the same one."
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,254}")
_KEY = re.compile(rf"[0-9A-Fa-f]{{{2 * JOURNAL_KEY_BYTES}}}")


class CredentialUnusable(ConfigurationError):
    """A credential is missing, unreadable, or not what it has to be. Says its name, never its content."""


class Credentials:
    """Looks in $CREDENTIALS_DIRECTORY (systemd), then $RELAY_CREDENTIALS, then the configured directory."""

    __slots__ = ("directories",)

    def __init__(self, configured: str | None = None, environ: Mapping[str, str] | None = None) -> None:
        env = os.environ if environ is None else environ
        found = (env.get("CREDENTIALS_DIRECTORY"), env.get("RELAY_CREDENTIALS"), configured)
        self.directories = tuple(Path(directory) for directory in found if directory)

    def read(self, name: str) -> bytes:
        """The bytes of a credential, less one trailing newline. Raises CredentialUnusable."""
        if not _NAME.fullmatch(name):
            raise CredentialUnusable(
                "a credential's name has a character that it may not have.", "Letters, digits, . _ - only."
            )
        return _content(name, self._find(name))

    def path(self, name: str) -> str:
        """Where a credential's file is, for a library that reads it itself (TLS keys). Raises CredentialUnusable."""
        return str(self._find(name))

    def secret(self, name: str) -> Secret:
        """A credential that is text: a bearer token, a PEM key. Raises CredentialUnusable."""
        try:
            return Secret(self.read(name).decode("ascii"))
        except UnicodeDecodeError:
            raise CredentialUnusable(f"credential {name} is not plain text.", "It has to be ASCII.") from None

    def journal_key(self, name: str) -> bytes:
        """The 32 bytes that encrypt PANs, from 64 hexadecimal digits and nothing else. Raises CredentialUnusable."""
        return _key(name, self.read(name), JOURNAL_KEY_STEP)

    def journal_key_at(self, name_or_file: str) -> bytes:
        """As `journal_key`, of a credential's name or of a file elsewhere, which a slash tells. Raises CredentialUnusable."""
        if "/" in name_or_file:
            return _key(name_or_file, _content(name_or_file, Path(name_or_file)), JOURNAL_KEY_STEP)
        return self.journal_key(name_or_file)

    def mac_key(self, name: str) -> bytes:
        """The 32 bytes that sign region records, written as a journal key is. Raises CredentialUnusable."""
        return _key(name, self.read(name), MAC_KEY_STEP)

    def _find(self, name: str) -> Path:
        for directory in self.directories:
            path = directory / name
            if path.exists():
                return path
        looked = ", ".join(map(str, self.directories)) or "no directory is configured"
        raise CredentialUnusable(
            f"there is no credential {name} (looked in: {looked}).",
            f"With systemd: LoadCredential={name}:FILE in the unit. Without: relay.credentials_directory in the configuration.",
        )


def _content(name: str, path: Path) -> bytes:
    """The bytes of a secret's file, less one trailing newline."""
    try:
        with path.open("rb") as file:
            mode = os.fstat(file.fileno()).st_mode
            content = file.read(CREDENTIAL_BYTES_MAX + 1)
    except OSError as error:
        raise CredentialUnusable(f"credential {name} cannot be read: {error.strerror}.", f"See {path}.") from error
    if mode & stat.S_IROTH:
        raise CredentialUnusable(f"credential {name} can be read by everybody.", f"Try: chmod o= {path}")
    if len(content) > CREDENTIAL_BYTES_MAX:
        raise CredentialUnusable(f"credential {name} is larger than {CREDENTIAL_BYTES_MAX} bytes.", f"See {path}.")
    content = content.removesuffix(b"\n").removesuffix(b"\r")
    if not content:
        raise CredentialUnusable(f"credential {name} is empty.", f"See {path}.")
    return content


def _key(name: str, text: bytes, next_step: str) -> bytes:
    if not _KEY.fullmatch(text.decode("latin-1")):
        raise CredentialUnusable(f"credential {name} is not {2 * JOURNAL_KEY_BYTES} hexadecimal digits.", next_step)
    key = bytes.fromhex(text.decode("ascii"))
    if len(set(key)) == 1:
        raise CredentialUnusable(f"credential {name} is one byte repeated.", "Make a key with: openssl rand -hex 32")
    return key
