"""Speaking as an ATM, for one transaction request: power-up, what the host commands until it is in service, request, reply.

Owns the little conversation behind `relay send`. It must never be part of a listener. The traps: this ATM has no notes, so an
order to dispense is answered with "nothing dispensed", which makes the relay undo the approval; it says that it has the wanted
configuration id, so that nothing is loaded into it; and NDC has no identity on the wire, so that nothing can be repeated here.

Source: solicited and unsolicited status, commands and transaction reply as in from_host.py and from_terminal.py.
"""

from __future__ import annotations

from protocols.errors import LocalMisuse
from protocols.framing import FrameCutter, wrap
from protocols.ndc import fields as f
from protocols.ndc.codec import decode_host, encode
from protocols.ndc.message import (
    DataCommand,
    DeviceStatus,
    EmvConfiguration,
    HostMessage,
    JournalCommand,
    OpaqueHost,
    SolicitedStatus,
    TerminalCommand,
    TerminalMessage,
    TransactionReply,
    TransactionRequest,
    UnsolicitedStatus,
)
from protocols.ndc.rules import LinkRules
from protocols.saying import Shown, Turn, Wish
from protocols.vocabulary import Secret

REQUEST, STATUS = "11", "12"
NO_NOTES = ("E2" + "00" * 4, "40000", "01", "10000")  # device fault of the dispenser: nothing dispensed
_SECRETS = {"track1", "track2", "track3", "pin_block", "buffer_b", "buffer_c"}
_PLAIN = {"luno", "operation", "amount", "mcn", "top_of_receipt", "tvn"}


class NdcSaying:
    """`wish.message`: 11, or 12 for the power-up status alone. `wish.items`: of the request, by name. Raises LocalMisuse."""

    def __init__(self, rules: LinkRules, wish: Wish) -> None:
        profile = rules.profile
        if wish.message not in ("", REQUEST, STATUS):
            raise LocalMisuse(f'"{wish.message}": an ATM begins with 11, a transaction request, or 12, its power-up', "type")
        if wish.is_repeated:
            raise LocalMisuse("NDC has no identity on the wire: a second request is another transaction", "repeat")
        if profile.security.requests:
            raise LocalMisuse("requests of this line carry a MAC, whose key only the ATM has", "security.requests")
        unknown = sorted(set(wish.items) - _SECRETS - _PLAIN)
        if unknown:
            raise LocalMisuse(f"no such item; there are {', '.join(sorted(_SECRETS | _PLAIN))}", unknown[0])
        self._luno = wish.items.get("luno", "000")
        self._config_id = "0000" if profile.config_id == "*" else profile.config_id
        self._framing = rules.framing
        self._cutter = FrameCutter(rules.framing)
        self._is_status = wish.message == STATUS
        plain = {name: wish.items[name] for name in sorted(_PLAIN & set(wish.items))}
        secret = {name: Secret(wish.items[name]) for name in sorted(_SECRETS & set(wish.items))}
        self._request = TransactionRequest(**{"luno": self._luno, "mcn": "1", "operation": " " * 8, **plain, **secret})  # type: ignore[arg-type]
        self._code: str | None = None
        self._is_asked = False

    def begin(self) -> Turn:
        up = UnsolicitedStatus(luno=self._luno, device=DeviceStatus("B", self._config_id))
        return self._say(up, code="" if self._is_status else None)

    def heard(self, data: bytes) -> Turn:
        turn = Turn()
        for frame in self._cutter.feed(data):
            if turn.code is None and not frame.is_zero:
                following = self._one(decode_host(frame.body))
                turn = Turn(turn.data + following.data, turn.shown + following.shown, following.code)
        return turn

    def _one(self, message: HostMessage) -> Turn:
        answer = isinstance(message, TransactionReply) and self._is_asked
        shown = Shown(False, _NAMES[type(message)], _told(message), answer and self._code is None)
        if isinstance(message, TerminalCommand):
            said = self._commanded(message.code)
        elif isinstance(message, TransactionReply):
            said = self._replied(message)
        elif isinstance(message, (DataCommand, EmvConfiguration)):
            said = self._say(self._status(f.READY))
        else:
            said = Turn()
        return Turn(said.data, (shown, *said.shown), said.code)

    def _commanded(self, code: str) -> Turn:
        if code == "1" and not self._is_asked:
            self._is_asked = True
            ready, request = self._say(self._status(f.READY)), self._say(self._request)
            return Turn(ready.data + request.data, ready.shown + request.shown)
        if code == "3":
            return self._say(self._status(f.TERMINAL_STATE, "6" + self._config_id))
        if code == "4":
            return self._say(self._status(f.TERMINAL_STATE, "2" + "0" * 111))
        if code[:1] in "5678":
            return self._say(self._status(f.TERMINAL_STATE, code[:1] + "0" * 8))
        return self._say(self._status(f.READY))

    def _replied(self, reply: TransactionReply) -> Turn:
        if not self._is_asked or reply.mcn != self._request.mcn:
            return self._say(self._status(f.SPECIFIC_REJECT, "B09"))
        if self._code is None:
            self._code = reply.next_state
            if reply.notes.strip("0"):
                return self._say(self._status(f.DEVICE_FAULT, *NO_NOTES))  # and a reply without notes follows
        return self._say(self._status(f.READY), code=self._code)

    def _status(self, descriptor: str, *data: str) -> SolicitedStatus:
        return SolicitedStatus(luno=self._luno, descriptor=descriptor, data=data)

    def _say(self, message: TerminalMessage, code: str | None = None) -> Turn:
        try:
            data = wrap(self._framing, encode(message))
        except UnicodeEncodeError:
            raise LocalMisuse("characters that are no bytes of this line", "field") from None
        return Turn(data, (Shown(True, _NAMES[type(message)], _told(message)),), code)


_NAMES: dict[type, str] = {
    TransactionRequest: "transaction request",
    SolicitedStatus: "solicited status",
    UnsolicitedStatus: "unsolicited status",
    TerminalCommand: "terminal command",
    DataCommand: "data command",
    TransactionReply: "transaction reply",
    JournalCommand: "journal command",
    EmvConfiguration: "EMV configuration",
    OpaqueHost: "message to an exit",
}


def _told(message: object) -> tuple[tuple[str, str], ...]:
    """What is shown of a message: plain items only, secrets as stars."""
    told: list[tuple[str, str]] = []
    match message:
        case TransactionRequest():
            told = [(name, _plain(getattr(message, name))) for name in sorted(_PLAIN | _SECRETS)]
        case SolicitedStatus():
            told = [("descriptor", message.descriptor), ("data", " ".join(message.data))]
        case UnsolicitedStatus():
            told = [("device", message.device.device), ("status", message.device.status)]
        case TerminalCommand():
            told = [("code", message.code)]
        case DataCommand():
            told = [("subclass", message.subclass), ("identifier", message.identifier)]
        case TransactionReply():
            told = [(name, getattr(message, name)) for name in ("next_state", "function", "notes", "tsn", "screen", "mcn")]
    return tuple((name, value) for name, value in told if value)


def _plain(value: object) -> str:
    if isinstance(value, Secret):
        return "***" if value.reveal() else ""
    return value if isinstance(value, str) else ""
