"""Receipt: what happens to a telegram with a 端末通番, before anybody is asked.

Owns the receipt rules (next, repeat, other body, gap), the telegrams held behind a gap with their 照会, and what is refused
although its number is in order. It must never ask or answer twice for one number. The traps: a telegram refused with the next
number has used that number up, else the one after it would be a gap, and stays refused; a held telegram is taken only when
every number before it was taken or reported as never used; and 後送 comes through here like everything else, which is what
keeps it in order.
"""

from __future__ import annotations

from protocols.branch import codes
from protocols.branch.keeper import Keeper
from protocols.branch.keys import key_of
from protocols.branch.message import BranchMessage
from protocols.branch.rules import REASON_OF, LinkRules
from protocols.branch.till import Pending, Receipt, TillBook
from protocols.dialect import Action, Ask, Note, Send, Timer
from protocols.vocabulary import Refusal

GAP = "gap"
MALFORMED = "malformed"  # the digest of a telegram whose body could not be read
WILL_RESEND, NEVER_USED = "1", "2"  # 照会 findings; anything else: not known


class Intake:
    __slots__ = ("_held", "_keeper", "_rules", "asked")

    def __init__(self, rules: LinkRules, keeper: Keeper) -> None:
        self._rules = rules
        self._keeper = keeper
        self._held: list[BranchMessage] = []
        self.asked: set[int] = set()  # numbers whose answer is not decided yet, as far as this link asked for it

    @property
    def held_count(self) -> int:
        return len(self._held)

    def arrived(self, message: BranchMessage, actions: list[Action], barred: str = "") -> None:
        """A telegram with a number, of the open day. `barred`: the word with which new questions are refused now."""
        receipt = self._keeper.book.receipt(message, message.digest())
        if receipt in (Receipt.GAP, Receipt.CONFLICT) and self._keeper.catch_up(actions):
            receipt = self._keeper.book.receipt(message, message.digest())
        if receipt is Receipt.GAP:
            self._hold(message, actions)
            return
        self._judged(message, receipt, actions, barred)
        self._release(actions, barred)

    def malformed(self, message: BranchMessage, detail: str, actions: list[Action]) -> None:
        """The header is good and its number the next, the body is not: refused, and the number is used up."""
        book = self._keeper.book
        refusal: list[Action] = [self._rules.refusal(message, Refusal.FORMAT_ERROR, detail, book.last)]
        if book.receipt(message, MALFORMED) is Receipt.NEXT:
            self._keeper.keep(book.with_taken(message.serial, MALFORMED), actions, refusal)
            self._release(actions, "")
        else:
            self._keeper.after(actions, refusal)

    def _judged(self, message: BranchMessage, receipt: Receipt, actions: list[Action], barred: str) -> None:
        keeper, rules = self._keeper, self._rules
        book = keeper.book
        if receipt is Receipt.CONFLICT:
            detail = f"通番異常: {message.serial:06}, last taken {book.last:06}"
            actions.append(Note("serial-conflict", detail))
            keeper.after(actions, [rules.refusal(message, codes.SERIAL_WRONG, detail, book.last)])
            return
        word = self._why_not(message, book, receipt, barred)
        if receipt is Receipt.REPEAT:
            if word:
                keeper.after(actions, [rules.refusal(message, word, "a repeat", book.last)])
            elif keeper.is_stale:
                self._keep_and_ask(book, message, actions)
            else:
                keeper.after(actions, [self._ask(message)])
        elif word:
            book = book.with_refused(message.serial, message.digest(), word)
            keeper.keep(book, actions, [rules.refusal(message, word, "next", book.last)])
        else:
            book = book.with_taken(message.serial, message.digest())
            self._keep_and_ask(with_entry(book, message, rules, keeper.realm), message, actions)

    def _keep_and_ask(self, book: TillBook, message: BranchMessage, actions: list[Action]) -> None:
        def refused() -> list[Action]:  # nearly never made: the journal takes the book
            return [self._rules.refusal(message, Refusal.NO_JOURNAL, "the till book is not durable", book.last)]

        self._keeper.keep(book, actions, [self._ask(message)], refused)

    def _ask(self, message: BranchMessage) -> Ask:
        if message.message_type == "20":
            self.asked.add(message.serial)
        elif message.message_type == "24":
            self.asked.discard(message.original_serial)  # withdrawn: it may never be answered
        return Ask(message)

    def _why_not(self, message: BranchMessage, book: TillBook, receipt: Receipt, barred: str) -> str:
        """The word of a refusal although the number is in order, "" for none."""
        session = self._rules.session
        taken = book.taken(message.serial) if receipt is Receipt.REPEAT else None
        if taken is not None and taken.refused in REASON_OF:
            return taken.refused
        if message.is_training:
            return codes.TRAINING
        if message.message_type != "20":
            return ""  # what happened already, and what undoes, is always taken
        rule = self._rules.operations.get(message.operation)
        if rule is not None and rule.approver_from and message.number("amount") >= rule.approver_from and not message.approver:
            return codes.APPROVER_WANTED
        if receipt is Receipt.REPEAT:
            return barred if barred == codes.BUSY else ""
        if barred:
            return barred
        if self._rules.effect(message) and len(book.pending) >= session.pending_count_max:
            return codes.PENDING_FULL
        return ""

    # ---- gaps ------------------------------------------------------------------------------------------------------------
    def _hold(self, message: BranchMessage, actions: list[Action]) -> None:
        rules, book = self._rules, self._keeper.book
        twin = next((held for held in self._held if held.serial == message.serial), None)
        if twin is not None and twin.digest() == message.digest():
            return  # it waits already, and is answered once
        detail = f"通番抜け: {book.last + 1:06} to {message.serial - 1:06}"
        if twin is not None or len(self._held) >= rules.session.held_count_max:
            self._keeper.after(actions, [rules.refusal(message, codes.SERIAL_WRONG, detail, book.last)])
            return
        self._held.append(message)
        self._held.sort(key=lambda held: held.serial)
        actions.append(Note("serial-gap", detail))
        if len(self._held) == 1:
            self._inquire(actions)

    def _inquire(self, actions: list[Action]) -> None:
        head, last = self._held[0], self._keeper.book.last
        body = {"from_serial": str(last + 1), "to_serial": str(head.serial - 1)}
        # 元取引 is the held number, and 31 repeats it: a late answer about another gap must not explain this one.
        named = {"original_date": head.business_date, "original_serial": head.serial}
        data = self._rules.own(head, "30", {**body}, **named)
        if data is not None:
            self._keeper.after(actions, [Send(data)])
        actions.append(Timer(GAP, self._rules.session.gap_wait_ms))

    def found(self, answer: BranchMessage, actions: list[Action], barred: str = "") -> None:
        """照会回答 about the numbers that are missing."""
        if not self._held:
            actions.append(Note("unmatched-answer", "31 to no 照会"))
            return
        finding = answer.text("finding")
        if finding == NEVER_USED and answer.original_serial != self._held[0].serial:
            actions.append(Note("unmatched-answer", f"31 about {answer.original_serial:06}, held {self._held[0].serial:06}"))
            return
        may_skip = bool(answer.approver) or not self._rules.session.gap_needs_approver
        if finding == NEVER_USED and may_skip:
            book, head = self._keeper.book, self._held[0]
            span = f"{book.last + 1:06} to {head.serial - 1:06}"
            actions.append(Note("serial-gap-accepted", f"{span}, 役席 {answer.approver or '-'}"))
            self._keeper.keep(book.with_unused(head.serial - 1), actions, [])
            self._release(actions, barred)
        elif finding == WILL_RESEND:
            actions.append(Timer(GAP, self._rules.session.gap_wait_ms))
        else:
            self.give_up("照会: not known" if finding != NEVER_USED else "never used, but without 役席ID", actions)

    def give_up(self, why: str, actions: list[Action]) -> None:
        """Nobody could say what became of the missing numbers: what is held is refused, and its numbers stay free."""
        held, self._held = self._held, []
        actions.append(Timer(GAP, None))
        last = self._keeper.book.last
        self._keeper.after(actions, [self._rules.refusal(message, codes.SERIAL_WRONG, why, last) for message in held])

    def _release(self, actions: list[Action], barred: str) -> None:
        """Take from the held what is in its turn by now."""
        had = bool(self._held)
        while self._held and self._held[0].serial <= self._keeper.book.last + 1:
            message = self._held.pop(0)
            receipt = self._keeper.book.receipt(message, message.digest())
            self._judged(message, receipt, actions, barred)
        if had and not self._held:
            actions.append(Timer(GAP, None))


def with_entry(book: TillBook, message: BranchMessage, rules: LinkRules, realm: str) -> TillBook:
    """`book` with the entry of a telegram that is about to be asked; unchanged where no cash moves."""
    effect = rules.effect(message)
    if not effect:
        return book
    return book.with_asked(Pending(message.serial, key_of(message, realm), effect))
