"""Speaking as a branch terminal, for one telegram: 開局 where it is needed, the telegram, its answer.

Owns the little conversation behind `relay send`. It must never be part of a listener. The traps: the number of the telegram is
the one after the last that the relay took, which only the answer to 開局 tells; a telegram that is never answered ends the
conversation as soon as it is said; and this is a terminal without notes, so a notice or a count is answered only as far as the
person said.

Source: our profile branch-p1 [P].
"""

from __future__ import annotations

import msgspec

from protocols.branch.codec import Codec, MacError
from protocols.branch.fields import ANSWER_OF, BODY_OF_TYPE, NUMBERED, Field
from protocols.branch.message import NO_DATE, BranchMessage, Value
from protocols.branch.rules import LinkRules
from protocols.errors import LocalMisuse
from protocols.framing import Frame, FrameCutter
from protocols.saying import Shown, Turn, Wish
from protocols.vocabulary import Pan, Secret, mask_pan

ECHO, OPENING = "14", "10"
SAID = ("10", "12", "14", "20", "22", "23", "24", "26", "30", "40", "90")
_NUMBERS = {"serial": "serial", "original_serial": "original_serial", "confirmed_serial": "confirmed_serial"}
_FLAGS = {"repeat": "is_repeat", "offline": "is_offline", "training": "is_training"}
_OWN = frozenset({"version", "message_type", "charset", "reserved", *_FLAGS})  # not for a person to say
_ACCOUNTS = frozenset({"account", "payee_account"})


class BranchSaying:
    """`wish.items` are items of header and body. Raises LocalMisuse naming the item at fault."""

    def __init__(self, rules: LinkRules, wish: Wish) -> None:
        self._codec: Codec = rules.codec
        self._cutter = FrameCutter(self._codec.framing)
        message_type = wish.message or ECHO
        if message_type not in SAID:
            raise LocalMisuse(f'"{message_type}": a terminal begins with one of {", ".join(SAID)}', "type")
        missing = [name for name in ("bank", "branch", "terminal") if not wish.items.get(name)]
        if missing:
            raise LocalMisuse(f"{', '.join(missing)}: which terminal speaks? Take one that nobody else is", missing[0])
        now = rules.now()
        head = {
            "terminal_kind": "T",
            "business_date": now[:8],
            "sent_at": now,
            **({"original_date": now[:8]} if message_type in ("22", "23", "24", "26") else {}),
            "correction": {"24": "1", "26": "2"}.get(message_type, "0"),
            **{name: value for name, value in wish.items.items() if name in self._header_names()},
        }
        head.setdefault("value_date", head["business_date"])
        plain = {name: value for name, value in head.items() if name not in _NUMBERS}
        numbers = {field: _number(name, head[name]) for name, field in _NUMBERS.items() if name in head}
        message = BranchMessage(message_type=message_type, **plain, **numbers, is_offline=message_type == "40")  # type: ignore[arg-type]
        rest = {name: value for name, value in wish.items.items() if name not in head}
        self._count = {
            name: rest.pop(name) for name in ("cash", "in_count", "in_total", "out_count", "out_total") if name in rest
        }
        self._opening_cash = rest.pop("opening_cash", "0")
        self._message = msgspec.structs.replace(message, body=self._body(message, rest))
        self._wants_repeat = wish.is_repeated
        self._waits_for = ""
        self._code: str | None = None

    def _header_names(self) -> frozenset[str]:
        empty = BranchMessage(message_type=ECHO, bank="", branch="", terminal_kind="", terminal="")
        return frozenset(field.name for _, field in self._codec.places(empty)) - _OWN

    def _body(self, message: BranchMessage, given: dict[str, str]) -> dict[str, Value]:
        if message.message_type == OPENING:
            given = {"opening_cash": self._opening_cash, **given}
        fields = {
            field.name: field for _, field in self._codec.places(message) if field.name not in self._header_names() | _OWN
        }
        if BODY_OF_TYPE[message.message_type] is None and not fields:
            raise LocalMisuse(f"no 取引コード {message.operation} on this line", "operation")
        unknown = sorted(set(given) - set(fields))
        if unknown:
            known = ", ".join([*sorted(self._header_names()), *fields])
            raise LocalMisuse(f"no such item; there are {known}", unknown[0])
        return {name: _value(fields[name], value) for name, value in given.items()}

    # ---- the conversation ------------------------------------------------------------------------------------------------
    def begin(self) -> Turn:
        if self._message.message_type in (ECHO, OPENING):
            return self._say(self._message)
        opening = msgspec.structs.replace(
            self._message,
            message_type=OPENING,
            serial=0,
            operation="00000",
            correction="0",
            original_date=NO_DATE,
            original_serial=0,
            is_offline=False,
            body={"opening_cash": self._opening_cash},
        )
        return self._say(opening)

    def _say(self, message: BranchMessage) -> Turn:
        self._waits_for = ANSWER_OF.get(message.message_type, "")
        shown = (self._shown(message, is_sent=True),)
        return Turn(self._codec.write(message), shown, None if self._waits_for else "")

    def heard(self, data: bytes) -> Turn:
        turn = Turn()
        for frame in self._cutter.feed(data):
            if turn.code is None:
                following = self._one(self._read(frame))
                turn = Turn(turn.data + following.data, turn.shown + following.shown, following.code)
        return turn

    def _read(self, frame: Frame) -> BranchMessage:
        try:
            return self._codec.read(frame)
        except MacError as error:
            if error.is_key_unknown and error.message.is_answer and error.message.code != "0000":
                return error.message  # a bare refusal: the relay does not know our key either
            raise

    def _one(self, heard: BranchMessage) -> Turn:
        shown = self._shown(heard, is_sent=False)
        wish = self._message
        if heard.message_type == self._waits_for:
            if heard.message_type == ANSWER_OF[OPENING] and wish.message_type not in (ECHO, OPENING):
                return self._opened(heard, shown)
            return self._answered(heard, shown)
        if heard.message_type == "14":
            answer = msgspec.structs.replace(heard, message_type="15")
            return Turn(self._codec.write(answer), (shown, self._shown(answer, is_sent=True)))
        if heard.message_type == "16" and wish.message_type == "12":
            if "cash" not in self._count:
                raise LocalMisuse("閉局 is answered with 精査指示: say what lies in the till", "cash")
            count = msgspec.structs.replace(heard, message_type="17", body=dict(self._count))
            return Turn(self._codec.write(count), (shown, self._shown(count, is_sent=True)))
        if heard.message_type == "30":
            raise LocalMisuse(
                "the relay misses numbers before this one (照会); leave serial out, or send the missing ones", "serial"
            )
        return Turn(b"", (shown,))

    def _opened(self, heard: BranchMessage, shown: Shown) -> Turn:
        if heard.code != "0000":
            return Turn(b"", (shown,), heard.code)
        if self._message.message_type in NUMBERED and not self._message.serial:
            self._message = msgspec.structs.replace(self._message, serial=heard.confirmed_serial + 1)
        said = self._say(self._message)
        return Turn(said.data, (shown, *said.shown), said.code)

    def _answered(self, heard: BranchMessage, shown: Shown) -> Turn:
        answer = msgspec.structs.replace(shown, is_answer=True)
        self._code = heard.code if self._code is None else self._code
        if not self._wants_repeat:
            return Turn(b"", (answer,), self._code)
        self._wants_repeat = False
        said = self._say(msgspec.structs.replace(self._message, is_repeat=True))
        return Turn(said.data, (answer, *said.shown))

    def _shown(self, message: BranchMessage, *, is_sent: bool) -> Shown:
        items = [("bank", message.bank), ("branch", message.branch), ("terminal", f"{message.terminal_kind}{message.terminal}")]
        items += [("operation", message.operation)] * (message.message_type in NUMBERED or message.message_type == "21")
        items += [("serial", f"{message.serial:06}")] * bool(message.serial)
        items += [("business_date", message.business_date)]
        items += [("repeat", "1")] * message.is_repeat
        items += [("original", f"{message.original_date} {message.original_serial:06}")] * bool(message.original_serial)
        items += [("approver", message.approver)] * bool(message.approver)
        if message.is_answer:
            items += [("code", message.code), ("confirmed_serial", f"{message.confirmed_serial:06}")]
        items += [(name, _masked(name, value)) for name, value in message.body.items()]
        return Shown(is_sent, message.message_type, tuple(items))


def _number(name: str, text: str) -> int:
    if not (text.isascii() and text.isdecimal()):
        raise LocalMisuse("digits", name)
    return int(text)


def _value(field: Field, text: str) -> Value:
    if field.pan:
        return Pan(text)
    return Secret(text) if field.secret else text


def _masked(name: str, value: Value) -> str:
    if isinstance(value, Pan):
        return mask_pan(value.reveal())
    if isinstance(value, Secret):
        return "***"
    return "*" * max(0, len(value) - 3) + value[-3:] if name in _ACCOUNTS else value
