"""Cash: what an answer, a 完了確認, a 不成立通知, 前回確定通番 and 精査 say about the notes, as evidence and in the till
book.

Owns law 4 for this dialect. It must never guess: 前回確定通番 confirms exactly the transaction it names and never undoes one;
only an explicit 23 or a count of the notes undoes. The traps: evidence goes to the desk before the book forgets the entry,
for the desk may hear it twice but must not miss it; the book says "approved" durably before an approval leaves; and "in
progress" is neither yes nor no.
"""

from __future__ import annotations

import msgspec

from protocols.branch import codes
from protocols.branch.count import Count, judge
from protocols.branch.intake import with_entry
from protocols.branch.keeper import Keeper
from protocols.branch.keys import original_key_of
from protocols.branch.message import BranchMessage
from protocols.branch.replies import answer_of
from protocols.branch.rules import LinkRules
from protocols.branch.till import Pending, TillBook
from protocols.dialect import Action, Evidence, Note, Send, Timer
from protocols.errors import ProtocolError
from protocols.vocabulary import Refusal, Reply, Verdict

COMPLETION = "completion"


class Cash:
    __slots__ = ("_keeper", "_rules", "_undecided")

    def __init__(self, rules: LinkRules, keeper: Keeper) -> None:
        self._rules = rules
        self._keeper = keeper
        self._undecided = frozenset({rules.codes[Refusal.IN_PROGRESS], rules.codes[Refusal.KEY_CONFLICT]})

    # ---- answers ---------------------------------------------------------------------------------------------------------
    def replied(self, message: BranchMessage, reply: Reply, actions: list[Action]) -> None:
        """The reply intent is durable: the book first, then the answer."""
        keeper = self._keeper
        before = keeper.book
        book = self._after_reply(self._with_number(before, message), message, reply)
        send = self._answer(message, reply, book.last)
        entry = book.find(message.serial)
        if entry is not None and entry.approved:
            send.append(Timer(COMPLETION, self._rules.session.completion_ms))
        if book == before and not keeper.is_stale:
            keeper.after(actions, send)
        else:
            # An approval of cash whose book is not durable does not leave: the terminal repeats its number, and gets it then.
            is_silent = reply.verdict is Verdict.APPROVE and self._rules.effect(message) != 0
            keeper.keep(book, actions, send, [] if is_silent else send)

    def _with_number(self, book: TillBook, message: BranchMessage) -> TillBook:
        """An answer that the terminal's older link asked for may come here before the book knows its number."""
        if message.business_date != book.date or not book.is_next(message.serial):
            return book
        return with_entry(book.with_taken(message.serial, message.digest()), message, self._rules, self._keeper.realm)

    def _after_reply(self, book: TillBook, message: BranchMessage, reply: Reply) -> TillBook:
        effect = self._rules.effect(message)
        if not effect or message.business_date != book.date or reply.code in self._undecided:
            return book
        is_taken = reply.verdict is Verdict.APPROVE
        if reply.verdict is Verdict.DOUBT:  # nothing is paid out on it; notes that are in the till stay, and are posted in time
            is_taken = effect > 0
        serial = message.serial
        if book.is_settled(serial):
            return book
        if not is_taken:
            # Not settled: an approval by a later repeat still counts.
            return msgspec.structs.replace(book, pending=tuple(p for p in book.pending if p.serial != serial))
        if self._rules.awaits_completion(message):
            again = with_entry(book, message, self._rules, self._keeper.realm)
            entry = again.find(serial)
            return book if entry is None else again.with_approved(entry)
        if message.message_type in ("24", "26"):
            return self._after_reversal(book, message, effect)
        return book.with_moved(serial, effect)

    def _after_reversal(self, book: TillBook, message: BranchMessage, effect: int) -> TillBook:
        """A 取消 or 訂正 moves notes back only where its original moved them, and only once."""
        original = book.taken(message.original_serial) if message.original_date == book.date else None
        if original is None:  # of another day, or long ago: its own word is all there is
            return book.with_moved(message.serial, effect)
        if not original.settled and book.find(original.serial) is None:  # declined, or in doubt and undone: it never moved
            return book.with_unmoved(message.serial)
        return book.with_standing(original.serial, message.number("standing")).with_unmoved(message.serial)

    def _answer(self, message: BranchMessage, reply: Reply, last: int) -> list[Action]:
        data = None
        try:
            data = self._rules.written(answer_of(message, reply, last))
        except (ProtocolError, msgspec.MsgspecError):
            data = None
        if data is None:  # what it adds cannot be written: the code alone still tells the terminal the truth
            data = self._rules.written(answer_of(message, Reply(reply.verdict, reply.code), last))
        return [Note("reply-unwritable", message.message_type)] if data is None else [Send(data)]

    # ---- what the terminal says ------------------------------------------------------------------------------------------
    def completed(self, message: BranchMessage, actions: list[Action]) -> None:
        """完了確認 (22) or 不成立通知 (23): what was paid, in the terminal's own words."""
        keeper = self._keeper
        key = original_key_of(message, keeper.realm)
        paid = message.number("paid")
        entry = keeper.book.find(message.original_serial) if message.original_date == keeper.book.date else None
        if entry is None or entry.key != key:
            self._completed_unknown(message, key, paid, actions)
            return
        asked = -entry.effect
        is_full = paid == asked if message.message_type == "22" else paid == 0
        if not entry.approved:
            # It speaks of an approval that has not left: the answer will come, and so must its completion.
            actions.append(Note("completion-early", f"{entry.serial:06}"))
            return
        if message.message_type == "22" and is_full:
            actions.append(Evidence(key, "confirmed"))
        elif message.message_type == "23" and is_full:
            actions.append(Evidence(key, "undone"))
        elif 0 < paid < asked:
            actions.append(Evidence(key, "part", paid))
        else:  # more than was asked, or a "completed" of nothing: not ours to explain
            actions += [Note("completion-impossible", f"{entry.serial:06}"), Evidence(key, "unproven")]
        keeper.keep(keeper.book.with_moved(entry.serial, -paid), actions, [])

    def _completed_unknown(self, message: BranchMessage, key: str, paid: int, actions: list[Action]) -> None:
        """Not in the book: proven before, or of another day. The desk knows the amount, and counts what it does not need."""
        actions.append(Note("completion-unmatched", f"{message.message_type} {message.original_serial:06}"))
        if message.message_type == "23" and paid == 0:
            actions.append(Evidence(key, "undone"))
        elif paid:
            actions.append(Evidence(key, "part", paid))

    def confirmed_by_number(self, message: BranchMessage, actions: list[Action]) -> None:
        """前回確定通番: the transaction it names is complete. It says nothing about any other."""
        keeper = self._keeper
        if keeper.catch_up(actions):
            for date, serial in keeper.named:
                self._confirm(date, serial, actions)
        if not self._confirm(message.business_date, message.confirmed_serial, actions):
            keeper.name(message.business_date, message.confirmed_serial)

    def _confirm(self, date: str, serial: int, actions: list[Action]) -> bool:
        """False: no book here has this number waiting for it."""
        keeper = self._keeper
        entry = keeper.book.find(serial) if date == keeper.book.date else None
        if entry is not None and entry.approved:
            actions += [Note("confirmed-by-number", f"{entry.serial:06}"), Evidence(entry.key, "confirmed")]
            keeper.keep(keeper.book.with_moved(entry.serial, entry.effect), actions, [])
            return True
        # A number of the other center's book whose cash this till does not count. The desk may hear it again.
        entry = keeper.beside.find(serial) if date == keeper.beside.date else None
        if entry is not None and entry.approved:
            actions.append(Evidence(entry.key, "confirmed"))
            return True
        return False

    def overdue(self, actions: list[Action]) -> None:
        """T-complete: who has not completed yet, for an operator."""
        late = [f"{entry.serial:06}" for entry in self._keeper.book.pending if entry.approved]
        if late:
            actions.append(Note("completion-overdue", ", ".join(late)))

    # ---- the day ---------------------------------------------------------------------------------------------------------
    def open_day(self, date: str, cash: int, actions: list[Action], then: list[Action], refused: list[Action]) -> None:
        """開局: a new day begins, what the last one left unproven is a person's."""
        keeper = self._keeper
        if date != keeper.book.date:
            self.leave_unproven(actions)
            if keeper.book.date and not keeper.book.is_closed:
                actions.append(Note("day-not-closed", keeper.book.date))
        keeper.keep(keeper.book.opened(date, cash), actions, then, refused)

    def count(self, message: BranchMessage, is_forced: bool, actions: list[Action]) -> str:
        """精査応答 at 閉局: "" where the day may end, else the word of the refusal; evidence where the notes prove it."""
        book, counted = self._keeper.book, message.number("cash")
        verdict = judge(book, counted)
        actions.append(Note("till-check", f"{verdict.name.lower()}, {len(book.pending)} unproven, {counted - book.cash:+} yen"))
        if verdict in (Count.ALL_MOVED, Count.NONE_MOVED):
            word = "confirmed" if verdict is Count.ALL_MOVED else "undone"
            actions += [Evidence(entry.key, word) for entry in book.pending if entry.effect < 0]
            self._note_deposits(book.pending, verdict, actions)
        elif verdict is Count.DIFFERS:
            if not is_forced:
                return codes.COUNT_WRONG
            self.leave_unproven(actions)
        return ""

    def end_day(self, counted: int, actions: list[Action], then: list[Action], refused: list[Action]) -> None:
        self._keeper.keep(self._keeper.book.closed(counted), actions, then, refused)

    def leave_unproven(self, actions: list[Action]) -> None:
        for entry in self._keeper.book.pending:
            actions += [Note("pending-unproven", f"{entry.serial:06}, {entry.effect:+} yen"), Evidence(entry.key, "unproven")]

    def _note_deposits(self, pending: tuple[Pending, ...], verdict: Count, actions: list[Action]) -> None:
        """Cash taken in has no completion at the desk: a count that misses it is a line for a person."""
        for entry in pending:
            if entry.effect > 0 and verdict is Count.NONE_MOVED:
                actions.append(Note("deposit-unproven", f"{entry.serial:06}, {entry.effect:+} yen"))
