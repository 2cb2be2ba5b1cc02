"""Playbooks for ISO 8583 dialogues: a link opened, a terminal signed on, and what an action says on the wire.

Owns shortcuts only; messages are in isolink.py, the language in playbook.py. It must never hide an action a test should see.
"""

from __future__ import annotations

from protocols.dialect import (
    BytesArrived,
    LinkOpened,
    Refuse,
    Send,
)
from protocols.iso8583.dialect import Iso8583Dialect
from protocols.iso8583.message import IsoMessage
from tests.support.isolink import (
    arrived,
    framed,
    make_dialect,
    network,
    unframed,
)
from tests.support.playbook import Playbook

ISO = make_dialect()
FREE = make_dialect(session={"sign_on": "optional"})
OPENED = LinkOpened("192.0.2.1", 40_000)
DIALLED = LinkOpened("192.0.2.9", 7_000, dialled=True)


def play(iso: Iso8583Dialect = ISO) -> Playbook:
    return Playbook(iso.new_dialogue())


def signed_on(iso: Iso8583Dialect = ISO) -> Playbook:
    book = play(iso)
    book >> OPENED
    book.rest()
    book >> arrived(iso, network("001"))
    book.rest()
    assert book.dialogue.is_signed_on
    return book


def answer_in(iso: Iso8583Dialect, action: Send | Refuse) -> IsoMessage:
    return unframed(iso, action.data)


def malformed(message: IsoMessage, iso: Iso8583Dialect = ISO) -> BytesArrived:
    """The frame of `message` with two bytes behind the last element."""
    data = framed(iso, message)
    return BytesArrived(f"{len(data) - 4 + 2:04}".encode() + data[4:] + b"99")
