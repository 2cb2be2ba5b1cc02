"""The keys that sign lines of the run log, by name; and the logs from before there was a key, pinned by their last hash. Pure.

Owns the signature of one line and the judgement of what a line carries. It must never read a key file. The traps: a hash
chain without a key is rewritten by whoever can write the file, and so is a log whose signatures were simply taken off, so an
unsigned line counts only where its log was pinned in the configuration, which belongs to root; and once a line is signed no
later one is unsigned.

Source: HMAC, RFC 2104, with SHA-256.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Mapping
from typing import Final

from relay.errors import ConfigurationError

SCOPE: Final = b"relay failover run log 1\0"
PROVEN: Final = b"both centers have this key"
_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,62}")


class LogKeys:
    """Args: `active` signs new lines (empty: none does); `keys` are all that may have signed one, 32 bytes each, by the name
    of their credential; `pins` are the hashes of the last lines of unsigned logs. Raises ConfigurationError."""

    def __init__(self, active: str = "", keys: Mapping[str, bytes] | None = None, pins: tuple[str, ...] = ()) -> None:
        self.active = active
        self._keys = dict(keys or {})
        self._pins = frozenset(pins)
        for name in self._keys:
            if not _NAME.fullmatch(name):
                raise ConfigurationError(
                    f"{name!r} is no name of a key of the run log.", "Letters, digits, dashes, underlines."
                )
        if active and active not in self._keys:
            raise ConfigurationError(f"the key {active} signs the run log, and is not known.")

    @property
    def has_key(self) -> bool:
        return bool(self._keys)

    def sign(self, body: bytes) -> bytes:
        """What stands between the hash and the body of a new line: name, dot, MAC, blank; nothing without a key."""
        return f"{self.active}.{self._mac(self.active, body)} ".encode() if self.active else b""

    def why_not(self, signature: bytes, body: bytes) -> tuple[str, str]:
        """What is wrong with a signature, and the next step; both empty where it fits. Without any key a signature cannot be
        checked, and is left to the hash."""
        if not self._keys:
            return "", ""
        name, _, stated = signature.decode("ascii", "replace").rpartition(".")
        if name not in self._keys:
            return (f"is signed by a key that is not known here: {name[:63]!r}", "Add its credential to log_keys.")
        if not hmac.compare_digest(self._mac(name, body).encode(), stated.encode()):
            return ("is not signed by the key that it names", "Compare the log with the peer center's copy.")
        return "", ""

    def proof(self) -> str:
        """What shows another center that it has the same key, and not what the key is; "" without one."""
        return f"{self.active}.{self._mac(self.active, PROVEN)}" if self.active else ""

    def why_differs(self, proof: str) -> str:
        """What is wrong with the other center's key, "" where its lines will be kept here."""
        if not self._keys or not proof:
            return "" if bool(self._keys) == bool(proof) else "only one of the two centers signs its run log"
        wrong, _ = self.why_not(proof.encode(), PROVEN)
        return f"the key of the other center's run log {wrong}" if wrong else ""

    def is_pinned(self, last: str) -> bool:
        """May an unsigned log end in the hash `last`? Without a key all may."""
        return not self._keys or last in self._pins

    def _mac(self, name: str, body: bytes) -> str:
        return hmac.new(self._keys[name], SCOPE + body, hashlib.sha256).hexdigest()


NO_KEYS: Final = LogKeys()
