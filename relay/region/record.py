"""The region record: the one TXT text that says which region is active, under which epoch, and who says so.

Owns its form, its bounds and its MAC. It must never ask a name server or know a clock. The form is one and only one text per
meaning (fields in this order, no leading zeros, nothing else), so that the text itself is what is signed:

    v=1;epoch=8;region=osaka;run=<id of the failover run>;mac=<HMAC-SHA-256, base64url without padding>

The MAC covers the record's own DNS name too: a record of a test zone is worth nothing in the real one. The traps: DNSSEC and
TSIG prove where an answer came from, not that it is the newest one, hence the epoch; and a record that is almost right is no
record, so everything malformed has a name and changes nothing.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from base64 import urlsafe_b64encode
from collections.abc import Sequence
from enum import StrEnum
from typing import Final

import msgspec

EPOCH_MAX: Final = 2**53 - 1  # what the contract can say: a higher one would be confirmed by nobody, and never be left again
STRING_BYTES_MAX: Final = 255  # one character-string of a TXT record: RFC 1035, 3.3
STRING_COUNT_MAX: Final = 2
TEXT_BYTES_MAX: Final = STRING_BYTES_MAX * STRING_COUNT_MAX
RUN_CHARS_MAX: Final = 64
KEY_BYTES: Final = 32
KEY_COUNT_MAX: Final = 4  # one signs, the others are still or already accepted
_DOMAIN: Final = b"relay region record 1\0"
_FIELDS: Final = ("v", "epoch", "region", "run", "mac")
_EPOCH = re.compile(r"[1-9][0-9]{0,18}")
_REGION = re.compile(r"[a-z0-9][a-z0-9-]{0,62}")  # as settings.Name
_RUN = re.compile(rf"[A-Za-z0-9-]{{1,{RUN_CHARS_MAX}}}")
_MAC = re.compile(r"[A-Za-z0-9_-]{43}")


class Malformed(StrEnum):
    """Why a text is no record; also a metric label."""

    TOO_LONG = "too-long"
    NOT_TEXT = "not-text"
    VERSION = "version"
    FIELDS = "fields"
    EPOCH = "epoch"
    REGION = "region"
    RUN = "run"
    MAC_FORM = "mac-form"
    BAD_MAC = "bad-mac"  # well formed, and signed by nobody whom we know


class RegionRecord(msgspec.Struct, frozen=True, order=True):
    """Region `region` is the active one under `epoch` (0 < epoch < 2^53); `run` names the failover run that said so.

    Raises ValueError for what cannot be written as a record.
    """

    epoch: int
    region: str
    run: str

    def __post_init__(self) -> None:
        if not 0 < self.epoch <= EPOCH_MAX:
            raise ValueError(f"an epoch is from 1 to {EPOCH_MAX}")
        if not _REGION.fullmatch(self.region):
            raise ValueError("a region's name has lower-case letters, digits and dashes, 63 at most")
        if not _RUN.fullmatch(self.run):
            raise ValueError(f"a run's id has letters, digits and dashes, {RUN_CHARS_MAX} at most")


def format_record(record: RegionRecord, name: str, key: bytes) -> str:
    """The text of `record` at the DNS name `name`, signed with `key`; it fits one character-string of a TXT record.

    Raises ValueError for a key that is not KEY_BYTES long.
    """
    if len(key) != KEY_BYTES:
        raise ValueError(f"a record is signed with a key of {KEY_BYTES} bytes")
    text = f"v=1;epoch={record.epoch};region={record.region};run={record.run}"
    return f"{text};mac={_mac(text, name, key)}"


def parse_record(strings: Sequence[bytes], name: str, keys: Sequence[bytes]) -> RegionRecord | Malformed:
    """What the character-strings of one TXT record at `name` say, where one of `keys` has signed it. Never raises."""
    if len(strings) > STRING_COUNT_MAX or sum(map(len, strings)) > TEXT_BYTES_MAX:
        return Malformed.TOO_LONG
    try:
        text = b"".join(strings).decode("ascii")
    except UnicodeDecodeError:
        return Malformed.NOT_TEXT
    parts = [part.partition("=") for part in text.split(";")]
    if parts[0] != ("v", "=", "1"):
        return Malformed.VERSION
    if tuple(name for name, _, _ in parts) != _FIELDS:
        return Malformed.FIELDS
    _, epoch, region, run, mac = (value for _, _, value in parts)
    if not _EPOCH.fullmatch(epoch) or int(epoch) > EPOCH_MAX:
        return Malformed.EPOCH
    if not _REGION.fullmatch(region):
        return Malformed.REGION
    if not _RUN.fullmatch(run):
        return Malformed.RUN
    if not _MAC.fullmatch(mac):
        return Malformed.MAC_FORM
    signed = text.rpartition(";")[0]
    is_signed = False
    for key in keys:  # all of them, whichever fits: the time says nothing
        is_signed |= hmac.compare_digest(mac, _mac(signed, name, key))
    return RegionRecord(int(epoch), region, run) if is_signed else Malformed.BAD_MAC


def canonical_name(name: str) -> str:
    """A DNS name as it is signed and compared: lower case, without the last dot."""
    return name.lower().removesuffix(".")


def _mac(text: str, name: str, key: bytes) -> str:
    said = _DOMAIN + canonical_name(name).encode("ascii", "replace") + b"\0" + text.encode("ascii")
    return urlsafe_b64encode(hmac.digest(key, said, hashlib.sha256)).rstrip(b"=").decode("ascii")
