"""What a host says, to bytes and back: classes 1, 3, 4, 6, 8, and 7 which passes through.

Owns the positions of host messages. Reading them is for the fake ATM, for `relay decode` and for tests; a relay only
writes. It must never know a session. The traps: the response flag behind the class is absent or "0"; the field after LUNO
is a sequence number of three, or the time variant number of eight, whose presence says that the last field is a MAC; and
what follows the screen number of a reply is its screen update, without a separator.

Sources: protocols/ndc/README.md, section on the host's messages.
"""

from __future__ import annotations

from protocols.errors import FieldError
from protocols.ndc import fields as f
from protocols.ndc.frame import Cut, join
from protocols.ndc.from_terminal import MAC, TVN
from protocols.ndc.message import (
    Buffer,
    DataCommand,
    EmvConfiguration,
    HostMessage,
    JournalCommand,
    OpaqueHost,
    PrintGroup,
    TerminalCommand,
    TransactionReply,
)
from protocols.vocabulary import Secret

PRINT_GROUP_MAX = 13
_WITH_MAC = frozenset({f.CURRENCY_LOAD})  # customisations whose samples end in a MAC without a time variant number


def read(cut: Cut) -> HostMessage:
    """Raises FieldError."""
    head = cut.at(0)
    kind, flag = head[:1], head[1:]
    if kind not in f.HOST_CLASSES or flag not in f.RESPONSE_FLAGS:
        raise FieldError("class", 0, "1, 3, 4, 6, 7 or 8 from a host, alone or with the flag 0")
    if kind == f.TERMINAL_COMMAND:
        if not cut.at(3):
            raise cut.wrong(3, "command", "a command code")
        return TerminalCommand(luno=cut.at(1), sequence=cut.at(2), code=cut.at(3), flag=flag, mac=cut.at(4))
    if kind == f.DATA_COMMAND:
        return _data(cut, flag)
    if kind == f.REPLY:
        return _reply(cut, flag)
    if kind == f.JOURNAL_COMMAND:
        code = cut.at(3)
        if not code:
            raise cut.wrong(3, "command", "1, 2 or 3")
        return JournalCommand(code[0], code[1:], cut.fields[4:], (cut.at(1), cut.at(2)))
    if kind == f.EMV:
        return _emv(cut, flag)
    return OpaqueHost(head, tuple(Secret(one) for one in cut.fields[1:]))


def _data(cut: Cut, flag: str) -> DataCommand:
    what = cut.at(3)
    if len(what) < 2:
        raise cut.wrong(3, "customisation", "a sub-class and an id or modifier")
    data = list(cut.fields[4:])
    mac = ""
    if (what[1] in _WITH_MAC or TVN.match(cut.at(2))) and what[0] == "1" and len(data) > 1 and MAC.match(data[-1]):
        mac = data.pop()
    return DataCommand(
        luno=cut.at(1),
        sequence=cut.at(2),
        subclass=what[0],
        identifier=what[1],
        lead=what[2:],
        data=tuple(data),
        flag=flag,
        mac=mac,
    )


def _emv(cut: Cut, flag: str) -> EmvConfiguration:
    has_sequence = not cut.at(2)
    rest = list(cut.fields[3:] if has_sequence else cut.fields[2:])
    if not rest or len(rest[0]) != 1:
        raise cut.wrong(2, "table", "one character")
    mac = rest.pop() if len(rest) > 2 and MAC.match(rest[-1]) else ""
    return EmvConfiguration(luno=cut.at(1), table=rest[0], data=tuple(rest[1:]), has_sequence=has_sequence, flag=flag, mac=mac)


def _reply(cut: Cut, flag: str) -> TransactionReply:
    fields = list(cut.fields)
    if len(fields) < 7:
        raise FieldError("reply", 0, "at least seven fields")
    mac = ""
    if TVN.match(fields[2]) and len(fields) > 7 and MAC.match(fields[-1]):
        mac = fields.pop()
    notes, _, coins = fields[4].partition(f.GS)
    if notes and (len(notes) % 2 or not notes.isdecimal()):
        raise cut.wrong(4, "notes", "two digits for each cassette type")
    serial = fields[5]
    if len(serial) < 5 or not serial[:4].isdecimal():
        raise cut.wrong(5, "tsn", "four digits and a function")
    screen_count = 5 if serial[5:6] in ("u", "l") else 3
    card = fields[6]
    if len(card) < 2:
        raise cut.wrong(6, "mcn", "a coordination number and a card flag")
    groups = card[2:].split(f.GS) if len(card) > 2 else []
    return TransactionReply(
        luno=fields[1],
        sequence=fields[2],
        next_state=fields[3],
        notes=notes,
        coins=coins,
        tsn=serial[:4],
        function=serial[4],
        screen=serial[5 : 5 + screen_count],
        screen_update=serial[5 + screen_count :],
        mcn=card[0],
        card_flag=card[1],
        prints=tuple(PrintGroup(group[:1], group[1:]) for group in groups),
        buffers=tuple(Buffer(one[0], Secret(one[1:])) for one in fields[7:] if one),
        flag=flag,
        mac=mac,
    )


def write(message: HostMessage) -> bytes:
    """The body of a host's message. Raises UnicodeEncodeError where a text has a character that is no byte."""
    match message:
        case TransactionReply():
            return join(_reply_fields(message))
        case TerminalCommand():
            fields = [f.TERMINAL_COMMAND + message.flag, message.luno, message.sequence, message.code]
            return join([*fields, message.mac] if message.mac else fields)
        case DataCommand():
            what = message.subclass + message.identifier + message.lead
            fields = [f.DATA_COMMAND + message.flag, message.luno, message.sequence, what, *message.data]
            return join([*fields, message.mac] if message.mac else fields)
        case JournalCommand():
            return join([f.JOURNAL_COMMAND, *message.head, message.code + message.data, *message.fields])
        case EmvConfiguration():
            slot = [""] if message.has_sequence else []
            fields = [f.EMV + message.flag, message.luno, *slot, message.table, *message.data]
            return join([*fields, message.mac] if message.mac else fields)
        case OpaqueHost():
            return join([message.message_class, *(one.reveal() for one in message.fields)])


def _reply_fields(message: TransactionReply) -> list[str]:
    fields = [
        f.REPLY + message.flag,
        message.luno,
        message.sequence,
        message.next_state,
        message.notes + (f.GS + message.coins if message.coins else ""),
        message.tsn + message.function + message.screen + message.screen_update,
        message.mcn + message.card_flag + f.GS.join(group.printer + group.text for group in message.prints),
    ]
    fields += [one.id + one.data.reveal() for one in message.buffers]
    return [*fields, message.mac] if message.mac else fields
