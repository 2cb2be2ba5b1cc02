"""The bytes of an archive: a header to read, then sealed chunks, then a sealed end.

    "relay archive 1\n", length, header (JSON); per chunk: length, AES-256-GCM of zlib of msgpack; the last one is the end

Lengths are four bytes, big-endian. A file has a key of its own, sealed in the header under the journal's; the nonce of a chunk
is its number, and header, number and "is the end" are bound in, so that nothing can be cut off, left out, exchanged or put
into another file unnoticed. Owns writing and reading. It must never know SQL, a name or a directory. The traps: memory is
bounded by one chunk, so what a file says about lengths is checked before it is believed; and only a key that is never used
for a second file may count its nonces.
"""

from __future__ import annotations

import hashlib
import os
import zlib
from collections.abc import Iterator, Sequence
from typing import IO, Final

import msgspec
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from relay.journal.archive.record import (
    HISTORY_COLUMNS,
    MESSAGE_COLUMNS,
    STANDING_COLUMNS,
    TAKEN_COLUMNS,
    Archived,
    ArchivedExchange,
    ArchivedMessage,
    ArchiveKind,
    ArchiveTrouble,
    Plan,
)
from relay.journal.crypt import KEY_BYTES, Entropy
from relay.journal.keyring import KeyRing

MAGIC: Final = b"relay archive 1\n"
HEADER_BYTES_MAX: Final = 65_536
CHUNK_CUT_BYTES: Final = 262_144  # a chunk ends with the exchange that takes it over this, before compression
CHUNK_BYTES_MAX: Final = 16 * 1024 * 1024  # of one chunk, before and after compression
_LENGTH_BYTES: Final = 4
_KEEP: Final = "Keep the file; archive files are copied as they are, and never edited. Fetch it again from its backup."


class Damaged(ArchiveTrouble):
    """The bytes are not those that were written."""


class TooLarge(ArchiveTrouble):
    """One exchange is above the limit of a chunk: that date cannot be archived, and any other can."""


class Header(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Not secret, but bound to everything that follows."""

    journal_id: int
    center: str
    realm: str
    kind: ArchiveKind
    business_date: str
    part: int
    above_id: int
    last_id: int
    made_ms: int
    key_id: str
    sealed_key: str  # hex
    taken: tuple[str, ...] = TAKEN_COLUMNS
    standing: tuple[str, ...] = STANDING_COLUMNS
    history: tuple[str, ...] = HISTORY_COLUMNS


class End(msgspec.Struct, frozen=True, array_like=True):
    exchange_count: int
    history_count: int
    newest_ms: int


def header_of(
    plan: Plan, keys: KeyRing, *, journal_id: int, center: str, realm: str, made_ms: int, entropy: Entropy = os.urandom
) -> tuple[Header, bytes]:
    """The header of a new archive, and the file's own key."""
    file_key = entropy(KEY_BYTES)
    taken, standing, history = _columns(plan.kind)
    header = Header(
        journal_id=journal_id,
        center=center,
        realm=realm,
        kind=plan.kind,
        business_date=plan.business_date,
        part=plan.part,
        above_id=plan.above_id,
        last_id=plan.last_id,
        made_ms=made_ms,
        key_id=keys.key_id,
        sealed_key=keys.wrap(file_key).hex(),
        taken=taken,
        standing=standing,
        history=history,
    )
    return header, file_key


class ArchiveWriter:
    """Writes to `file` as it is told to; raises OSError, and ArchiveTrouble for an exchange above the limit."""

    def __init__(self, file: IO[bytes], header: Header, file_key: bytes) -> None:
        self._file = file
        self._cipher = AESGCM(file_key)
        packed = msgspec.json.encode(header)
        self._bound = hashlib.sha256(packed).digest()
        self._number = 0
        self._waiting: list[bytes] = []
        self._waiting_bytes = 0
        self.exchange_count = 0
        self.history_count = 0
        self.newest_ms = 0
        file.write(MAGIC + _framed(packed))

    def add(self, item: Archived) -> bool:
        """Returns whether a chunk went to the file."""
        packed = msgspec.msgpack.encode(item)
        if len(packed) > CHUNK_BYTES_MAX - 5:
            raise TooLarge(
                f"exchange {item.number} has {len(packed)} bytes, above the limit of an archive.",
                "Keep the journal, and report it: its date stays in the journal.",
            )
        was_written = False
        if self._waiting_bytes + len(packed) > CHUNK_BYTES_MAX - 5:
            self._flush()
            was_written = True
        self._waiting.append(packed)
        self._waiting_bytes += len(packed)
        self.exchange_count += 1
        self.history_count += len(item.history)
        self.newest_ms = max(self.newest_ms, item.recorded_ms)
        if self._waiting_bytes >= CHUNK_CUT_BYTES:
            self._flush()
            was_written = True
        return was_written

    def end(self) -> None:
        self._flush()
        self._seal(msgspec.msgpack.encode(End(self.exchange_count, self.history_count, self.newest_ms)), is_end=True)

    def _flush(self) -> None:
        if self._waiting:
            count = len(self._waiting)
            self._seal(b"\xdd" + count.to_bytes(4, "big") + b"".join(self._waiting), is_end=False)  # msgpack: array 32
            self._waiting.clear()
            self._waiting_bytes = 0

    def _seal(self, plain: bytes, *, is_end: bool) -> None:
        sealed = self._cipher.encrypt(_nonce(self._number), zlib.compress(plain), _bound(self._bound, self._number, is_end))
        self._file.write(_framed(sealed))
        self._number += 1


class ArchiveReader:
    """Reads one archive from its beginning. Every method raises Damaged for what is not as it was written,
    and ArchiveTrouble for what this program, or this key, cannot read."""

    def __init__(self, file: IO[bytes], name: str) -> None:
        self._file = file
        self.name = name
        self.end: End | None = None  # once everything was read
        self.digest = hashlib.sha256()
        self.file_bytes = 0
        if self._read(len(MAGIC)) != MAGIC:
            raise Damaged(f"{name} is no archive of a relay.", "Take it out of the archive directory.")
        packed = self._read(self._length(HEADER_BYTES_MAX))
        try:
            self.header = _HEADER.decode(packed)
        except (msgspec.MsgspecError, ValueError) as error:
            raise self._broken("its header cannot be read") from error
        self._bound = hashlib.sha256(packed).digest()

    def exchanges(self, keys: KeyRing) -> Iterator[Sequence[Archived]]:
        """Chunk by chunk, exchanges or messages as its kind says; afterwards `end`, `digest` and `file_bytes` are known."""
        header = self.header
        if (header.taken, header.standing, header.history) != _columns(header.kind):
            raise ArchiveTrouble(f"{self.name} has other columns than this program reads.", "Use the relay that wrote it.")
        cipher = AESGCM(self._file_key(keys))
        decode = _MESSAGES.decode if header.kind.is_of_messages else _EXCHANGES.decode
        exchange_count = history_count = number = 0
        while self.end is None:
            sealed = self._read(self._length(CHUNK_BYTES_MAX))
            plain, is_end = self._open(cipher, sealed, number)
            number += 1
            try:
                if is_end:
                    self.end = _END.decode(plain)
                    break
                found: Sequence[Archived] = decode(plain)
            except msgspec.MsgspecError as error:
                raise self._broken("a chunk does not decode") from error
            exchange_count += len(found)
            history_count += sum(len(each.history) for each in found)
            yield found
        if (exchange_count, history_count) != (self.end.exchange_count, self.end.history_count):
            raise self._broken("it does not hold as many exchanges as its end says")
        if self._file.read(1):
            raise self._broken("something follows its end")

    def _file_key(self, keys: KeyRing) -> bytes:
        try:
            return keys.unwrap(bytes.fromhex(self.header.sealed_key))
        except ValueError as error:
            if self.header.key_id in keys.key_ids:
                raise self._broken("its own key does not decrypt") from error
            raise ArchiveTrouble(
                f"{self.name} was sealed with journal key {self.header.key_id}; given is {', '.join(keys.key_ids)}.",
                "Name the credential of that key in journal.older_key_credentials of the configuration that you give.",
            ) from error

    def _open(self, cipher: AESGCM, sealed: bytes, number: int) -> tuple[bytes, bool]:
        for is_end in (False, True):
            try:
                packed = cipher.decrypt(_nonce(number), sealed, _bound(self._bound, number, is_end))
            except InvalidTag:
                continue
            inflate = zlib.decompressobj()
            plain = inflate.decompress(packed, CHUNK_BYTES_MAX)
            if not inflate.eof:
                raise self._broken("a chunk is larger than a chunk may be")
            return plain, is_end
        raise self._broken("a chunk does not decrypt")

    def _length(self, bytes_max: int) -> int:
        length = int.from_bytes(self._read(_LENGTH_BYTES), "big")
        if not 0 < length <= bytes_max:
            raise self._broken(f"a length of {length} bytes is out of bounds")
        return length

    def _read(self, count: int) -> bytes:
        found = self._file.read(count)
        self.digest.update(found)
        self.file_bytes += len(found)
        if len(found) != count:
            raise self._broken("it is cut off")
        return found

    def _broken(self, why: str) -> Damaged:
        return Damaged(f"The archive {self.name} is damaged: {why}.", _KEEP)


_HEADER: Final = msgspec.json.Decoder(Header)
_END: Final = msgspec.msgpack.Decoder(End)
_EXCHANGES: Final = msgspec.msgpack.Decoder(tuple[ArchivedExchange, ...])
_MESSAGES: Final = msgspec.msgpack.Decoder(tuple[ArchivedMessage, ...])


def _columns(kind: ArchiveKind) -> tuple[tuple[str, ...], tuple[str, ...], tuple[str, ...]]:
    return (MESSAGE_COLUMNS, (), ()) if kind.is_of_messages else (TAKEN_COLUMNS, STANDING_COLUMNS, HISTORY_COLUMNS)


def _framed(content: bytes) -> bytes:
    return len(content).to_bytes(_LENGTH_BYTES, "big") + content


def _nonce(number: int) -> bytes:
    return number.to_bytes(12, "big")


def _bound(header_digest: bytes, number: int, is_end: bool) -> bytes:
    return header_digest + number.to_bytes(8, "big") + (b"E" if is_end else b"C")
