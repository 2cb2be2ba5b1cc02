"""05xx messages on their way to the desk: first their totals become durable, then the message is taken and answered.

Owns the messages of one link that wait for that. It must never count anything. The trap: an acknowledgement says that the
totals are ours now, so a statement that the journal did not take is refused, and the far end says it again; and one whose
figures contradict an earlier statement of the same identity is refused as every message is that reuses a key.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from protocols.dialect import Action, Ask, Note
from protocols.iso8583.mapping import BadValue
from protocols.iso8583.message import IsoMessage
from protocols.iso8583.totals import Statements
from protocols.totals import TotalsKept, TotalsStated
from protocols.vocabulary import Refusal

if TYPE_CHECKING:
    from protocols.iso8583.management import Session

WAITING_MAX: Final = 16  # statements of one link on their way to disk; a repeat waits with its first


class Stating:
    __slots__ = ("_statements", "_waiting")

    def __init__(self, statements: Statements) -> None:
        self._statements = statements
        self._waiting: dict[str, tuple[TotalsStated, list[IsoMessage]]] = {}

    @property
    def is_waiting(self) -> bool:
        return bool(self._waiting)

    def offer(self, message: IsoMessage, session: Session, actions: list[Action]) -> None:
        """A 05xx that this link may send."""
        try:
            stated = self._statements.read(message)
        except BadValue as error:
            session.refuse(message, Refusal.FORMAT_ERROR, str(error), actions)
            return
        if stated is None:
            actions.append(Ask(message))
            return
        waiting = self._waiting.get(stated.id)
        if waiting is not None and waiting[0] == stated and len(waiting[1]) < WAITING_MAX:
            waiting[1].append(message)
        elif waiting is not None:
            session.refuse(message, Refusal.KEY_CONFLICT, "other totals under the same trace", actions)
        elif len(self._waiting) >= WAITING_MAX:
            session.refuse(message, Refusal.OVERLOADED, f"more than {WAITING_MAX} statements wait", actions)
        else:
            self._waiting[stated.id] = stated, [message]
            actions.append(stated)

    def kept(self, event: TotalsKept, session: Session, actions: list[Action]) -> None:
        """The relay has it, or not."""
        waiting = self._waiting.pop(event.id, None)
        if waiting is None:
            return
        stated, messages = waiting
        actions.append(Note(f"totals-{event.result}", stated.party))
        for message in messages:
            if event.may_acknowledge:
                wants = stated.wants_ours
                actions.append(Ask(self._statements.compared(message, stated, event.ours) if wants else message))
            else:
                is_conflict = event.result == "conflict"
                reason = Refusal.KEY_CONFLICT if is_conflict else Refusal.NO_JOURNAL
                session.refuse(message, reason, f"totals: {event.result}", actions)
