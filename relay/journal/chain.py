"""A key chain as people left it: an original, and every message that names it, each with what a person decided about it.

Owns `Chain`, and how the rows of either engine become one. Pure. It must never know what a decision forbids
(relay/exchange/byhand.py does). The trap: a decision is a line of the history, and where archives are kept the history leaves
the journal with the body; a settled exchange without a line is one of which nobody can say here whether a person decided it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from operator import itemgetter
from typing import Any, Final, TypeAlias

import msgspec

from protocols.vocabulary import MessageClass
from relay.journal.records import HistoryLine, StoredExchange, StoredState

RESOLVED: Final = "RESOLVED"
RETRIED: Final = "RETRIED_"  # with the duty that was taken up again


class Decision(msgspec.Struct, frozen=True):
    """A person took it off the list. `line_id` grows with time over the whole journal; `detail` is who and why."""

    line_id: int
    at_ms: int  # wall clock
    detail: str


class Member(msgspec.Struct, frozen=True, kw_only=True):
    exchange_id: int
    key: str
    message_class: MessageClass
    state: StoredState
    resolved: Decision | None = None  # the last time
    retried_line_id: int = 0  # the last time that a person had it tried again; 0 never
    is_archived: bool = False  # its history is no longer here


Chain: TypeAlias = tuple[Member, ...]

_SELECT: Final = (
    "SELECT t.exchange_id, t.key, t.message_class, coalesce(s.state, 'recorded'), h.line_id, h.at_ms, h.event, h.detail,"
    " EXISTS (SELECT 1 FROM history AS x WHERE x.exchange_id = t.exchange_id)"
    " FROM taken AS t LEFT JOIN standing AS s ON s.exchange_id = t.exchange_id"
    " LEFT JOIN history AS h ON h.exchange_id = t.exchange_id"
    f" AND (h.event = '{RESOLVED}' OR substr(h.event, 1, {len(RETRIED)}) = '{RETRIED}')"
)
# Two questions, because each has an index, and of an OR not every planner makes two.
SELECT_CHAIN: Final = f"{_SELECT} WHERE t.key = ? UNION ALL {_SELECT} WHERE t.original_key = ? AND t.original_key <> ''"


def is_signed(event: str) -> bool:
    """Whether a line of the history is a person's decision."""
    return event == RESOLVED or event.startswith(RETRIED)


def read_chain(rows: Iterable[Sequence[Any]]) -> Chain:
    """Rows of SELECT_CHAIN, in any order."""
    lines: dict[int, list[tuple[int, HistoryLine]]] = {}
    whole: dict[int, Member] = {}
    for exchange_id, key, message_class, state, line_id, at_ms, event, detail, has_history in rows:
        stands = StoredState(state)
        is_archived = stands is StoredState.SETTLED and not has_history
        whole[exchange_id] = Member(
            exchange_id=exchange_id,
            key=key,
            message_class=MessageClass(message_class),
            state=stands,
            is_archived=is_archived,
        )
        if line_id is not None:
            lines.setdefault(exchange_id, []).append((line_id, HistoryLine(exchange_id, at_ms, event, stands, detail)))
    return tuple(
        _decided(whole[exchange_id], sorted(lines.get(exchange_id, ()), key=itemgetter(0))) for exchange_id in sorted(whole)
    )


def remembered(found: Iterable[StoredExchange], signed: Mapping[int, Sequence[tuple[int, HistoryLine]]]) -> Chain:
    """The same from what an engine holds in memory: exchanges, and the signed lines of each with their numbers."""
    return tuple(
        _decided(
            Member(
                exchange_id=stored.taken.exchange_id,
                key=stored.taken.key,
                message_class=stored.taken.message_class,
                state=stored.state,
            ),
            signed.get(stored.taken.exchange_id, ()),
        )
        for stored in found
    )


def _decided(member: Member, lines: Iterable[tuple[int, HistoryLine]]) -> Member:
    resolved, retried_line_id = None, 0
    for line_id, line in lines:
        if line.event == RESOLVED:
            resolved = Decision(line_id, line.at_ms, line.detail)
        else:
            retried_line_id = line_id
    return msgspec.structs.replace(member, resolved=resolved, retried_line_id=retried_line_id)
