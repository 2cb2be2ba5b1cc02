"""Which exchanges a listing has named: a bit for each number, in blocks, so that a million rows are 125 kilobytes.

Pure. The trap: numbers are dense within one incarnation and far apart between two, so blocks are made as they are needed.
"""

from __future__ import annotations

import zlib
from typing import Final

import msgspec

_BLOCK_BITS: Final = 65_536


class Seen:
    __slots__ = ("_blocks", "count")

    def __init__(self) -> None:
        self._blocks: dict[int, bytearray] = {}
        self.count = 0

    def add(self, number: int) -> bool:
        """False when it was there already."""
        block, bit = divmod(number, _BLOCK_BITS)
        bits = self._blocks.get(block)
        if bits is None:
            bits = self._blocks[block] = bytearray(_BLOCK_BITS // 8)
        mask = 1 << (bit & 7)
        if bits[bit >> 3] & mask:
            return False
        bits[bit >> 3] |= mask
        self.count += 1
        return True

    def __contains__(self, number: int) -> bool:
        block, bit = divmod(number, _BLOCK_BITS)
        bits = self._blocks.get(block)
        return bits is not None and bool(bits[bit >> 3] & (1 << (bit & 7)))

    def pack(self) -> bytes:
        return zlib.compress(
            msgspec.msgpack.encode((self.count, {block: bytes(bits) for block, bits in self._blocks.items()})), 1
        )

    @classmethod
    def unpack(cls, data: bytes) -> Seen:
        seen = cls()
        seen.count, blocks = msgspec.msgpack.decode(zlib.decompress(data), type=tuple[int, dict[int, bytes]])
        seen._blocks = {block: bytearray(bits) for block, bits in blocks.items()}
        return seen
