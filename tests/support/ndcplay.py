"""Playbooks for NDC dialogues: frames both ways, a link opened, an ATM in service, a withdrawal asked and answered.

Owns shortcuts only; the language is in playbook.py. It must never hide an action a test should see: `rest()` is called only
on what the shortcut's own name promises.
"""

from __future__ import annotations

from protocols.dialect import Ask, BytesArrived, Command, LinkOpened, Refuse, ReplyDecided, Send, Store, Stored
from protocols.framing import FrameCutter, wrap
from protocols.ndc.asking import OpenedRequest
from protocols.ndc.codec import decode_host, encode
from protocols.ndc.dialect import NdcDialect, build_dialect, default_profile
from protocols.ndc.hooks import NO_HOOKS, Hooks
from protocols.ndc.message import (
    DeviceStatus,
    HostMessage,
    LastStatus,
    NdcMessage,
    SolicitedStatus,
    TransactionRequest,
    UnsolicitedStatus,
)
from protocols.vocabulary import Answer, Approved, Money, Reply, Secret
from tests.support.playbook import Playbook

WALL_MS = 1_793_600_000_000  # a morning in November 2026
LINK = "tokyo-7-1"
HOST = "192.0.2.1"
LUNO = "001"
TERMINAL = f"{LUNO}@{HOST}"
OPENED = LinkOpened(HOST, 40_000, realm="bank", link_id=LINK)
TRACK2 = ";4000001234567899=30122010000012300?"
WITHDRAWAL = " DA   AD"
LOAD = """
config_id = "0001"
parameters = ["001", "00010002", "00060"]
fit = ["000000000000064255255000132000015000016000"]
states = ["000A001002004004002002001104", "125I000000000000000000000000"]
screens = ["C00\\u000c\\u000fAEWELCOME", "C01\\u000cSORRY"]
"""
READY = SolicitedStatus(luno=LUNO, descriptor="9")


def make_dialect(hooks: Hooks = NO_HOOKS, **overrides: object) -> NdcDialect:
    return build_dialect(default_profile(**overrides), lambda name: LOAD, lambda: WALL_MS, hooks)


NDC = make_dialect()
PLAIN = make_dialect(session={"set_clock": False, "read_counters": False, "idle_probe_ms": 0})


def framed(message: NdcMessage, dialect: NdcDialect = NDC) -> bytes:
    return wrap(dialect.rules.framing, encode(message))


def arrived(*messages: NdcMessage, dialect: NdcDialect = NDC) -> BytesArrived:
    return BytesArrived(b"".join(framed(message, dialect) for message in messages))


def said(action: Send | Command | Refuse, dialect: NdcDialect = NDC) -> HostMessage:
    """What a frame of ours says."""
    (frame,) = FrameCutter(dialect.rules.framing).feed(action.data)
    return decode_host(frame.body)


def power_up(config_id: str = "0001", luno: str = LUNO) -> UnsolicitedStatus:
    return UnsolicitedStatus(luno=luno, device=DeviceStatus("B", config_id))


def sensor(status: str) -> UnsolicitedStatus:
    return UnsolicitedStatus(luno=LUNO, device=DeviceStatus("P", status))


def config_status(config_id: str = "0001", luno: str = LUNO) -> SolicitedStatus:
    return SolicitedStatus(luno=luno, descriptor="F", data=(f"6{config_id}",))


def fault(device: str, *, supplies: str = "") -> SolicitedStatus:
    fields = [device, "", "", supplies] if supplies else [device]
    return SolicitedStatus(luno=LUNO, descriptor="8", data=tuple(fields))


def reject(code: str = "", descriptor: str = "C") -> SolicitedStatus:
    return SolicitedStatus(luno=LUNO, descriptor=descriptor, data=(code,) if code else ())


def request(
    amount: str = "00015000",
    operation: str = WITHDRAWAL,
    mcn: str = "3",
    last: LastStatus | None = None,
    buffer_b: str = "",
    tvn: str = "",
    luno: str = LUNO,
) -> TransactionRequest:
    return TransactionRequest(
        luno=luno,
        tvn=tvn,
        mcn=mcn,
        track2=Secret(TRACK2),
        operation=operation,
        amount=amount,
        pin_block=Secret("0412:4;=<>?99999"),
        buffer_b=Secret(buffer_b),
        last=last,
    )


def play(dialect: NdcDialect = PLAIN) -> Playbook:
    return Playbook(dialect.new_dialogue())


def in_service(dialect: NdcDialect = PLAIN, opened: LinkOpened = OPENED, luno: str = LUNO) -> Playbook:
    """An ATM that powered up with the right configuration id and answered every command with ready."""
    book = play(dialect)
    book >> opened
    book.rest()
    book >> arrived(power_up(luno=luno), dialect=dialect)
    for _ in range(20):
        if not any(isinstance(action, Command) for action in book.rest()):
            break
        book >> arrived(SolicitedStatus(luno=luno, descriptor="9"), dialect=dialect)
    assert book.dialogue.is_signed_on
    return book


def asked(book: Playbook, message: TransactionRequest | None = None, dialect: NdcDialect = PLAIN) -> OpenedRequest:
    """A request arrives and goes to the desk, its number durable."""
    book >> arrived(message or request(), dialect=dialect)
    store = book.take(Store)
    opened = book.take(Ask).message
    assert isinstance(opened, OpenedRequest)
    book >> Stored(store.name, True)
    return opened


def decided(opened: OpenedRequest, answer: Answer | None = None, dialect: NdcDialect = PLAIN) -> ReplyDecided:
    return ReplyDecided(opened, reply_to(opened, answer, dialect))


def reply_to(opened: OpenedRequest, answer: Answer | None = None, dialect: NdcDialect = PLAIN) -> Reply:
    return dialect.to_reply(opened, answer or Approved(authorisation_id="123456"), WALL_MS)


def replied(book: Playbook, message: TransactionRequest | None = None, dialect: NdcDialect = PLAIN) -> OpenedRequest:
    """A withdrawal whose approval has left."""
    opened = asked(book, message, dialect)
    book >> decided(opened, dialect=dialect)
    assert any(isinstance(action, Send) for action in book.rest())
    return opened


def yen(minor: int) -> Money:
    return Money(minor, "JPY")
