"""The three messages of an RC line, frozen and typed: information, delivery (logical ACK or NAK), connection watch.

Owns what the headers mean. It must never know bytes. The trap: a delivery message names what it answers by LCN and sequence
number only; which telegram that was is for whoever sent it to know.
"""

from __future__ import annotations

from typing import TypeAlias

import msgspec


class Path(msgspec.Struct, frozen=True):
    """論理パス: physical line, logical line, LCN."""

    physical: int
    logical: int
    lcn: int


class Information(msgspec.Struct, frozen=True):
    """情報メッセージ: one telegram that wants a delivery message."""

    path: Path
    sequence: int
    body: bytes


class DeliveryMessage(msgspec.Struct, frozen=True):
    """送達管理メッセージ: the logical ACK or NAK of one information message."""

    path: Path
    sequence: int
    is_ack: bool


class Watch(msgspec.Struct, frozen=True):
    """制御メッセージ: somebody is there. Headers only."""


Message: TypeAlias = Information | DeliveryMessage | Watch
