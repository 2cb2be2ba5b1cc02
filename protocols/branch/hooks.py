"""Where a bank attaches message authentication: the port, and the profile's default over keys given to it.

Owns the `Mac` port and `HmacMac` (HMAC-SHA256 cut to eight bytes); 3DES or AES-CMAC fulfil the same port from outside. It must
never open a file. The traps: 鍵版 in the header names the key, and an unknown one is told apart from a wrong code, because one
is a key change in progress and the other is not; and codes are compared in constant time.

Source: our profile branch-p1 [P]; HMAC: RFC 2104, truncation as in its section 5.
"""

from __future__ import annotations

import hmac
from collections.abc import Callable, Mapping
from typing import Protocol

import msgspec

from protocols.branch.fields import MAC_BYTES
from protocols.errors import LocalMisuse

KEY_BYTES_MIN = 16


class Mac(Protocol):
    """Authentication over the wire bytes from 版 to the byte before the MAC."""

    def compute(self, key_version: str, covered: bytes) -> bytes | None:
        """The 8 bytes under the key named by 鍵版; None where there is no such key."""
        ...


class HmacMac:
    """Keys by 鍵版 (four digits). Raises LocalMisuse for a key of fewer than 16 bytes."""

    __slots__ = ("_keys",)

    def __init__(self, keys: Mapping[str, bytes]) -> None:
        short = sorted(version for version, key in keys.items() if len(key) < KEY_BYTES_MIN)
        if short or not keys:
            raise LocalMisuse(f"at least one key, each of at least {KEY_BYTES_MIN} bytes", "mac.keys")
        self._keys = dict(keys)

    def compute(self, key_version: str, covered: bytes) -> bytes | None:
        key = self._keys.get(key_version)
        return None if key is None else hmac.digest(key, covered, "sha256")[:MAC_BYTES]


class NoMac:
    """No key is here: nothing is believed, and nothing can be written. What a check without credentials builds with."""

    def compute(self, key_version: str, covered: bytes) -> bytes | None:
        return None


def mac_of(keys: Mapping[str, str], read_text: Callable[[str], str]) -> Mac | None:
    """The default authentication: `keys` is 鍵版 -> name of a credential, whose text is the key as hex.

    None without keys. A credential that reads as empty (a check holds none) is no key and fails closed. Raises LocalMisuse.
    """
    found: dict[str, bytes] = {}
    for version, name in keys.items():
        text = read_text(name if name.startswith("credential:") else f"credential:{name}").strip()
        try:
            key = bytes.fromhex(text)
        except ValueError:
            raise LocalMisuse("the credential holds no hex", f"mac_keys.{version}") from None
        if key:
            found[version] = key
    if not keys:
        return None
    return HmacMac(found) if found else NoMac()


class Hooks(msgspec.Struct, frozen=True):
    """What a listener has attached."""

    mac: Mac | None = None
