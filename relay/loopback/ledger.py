"""The fake core's ledger: accounts with real balances, one entry per key, and every rule of the contract in one place.

Owns posting, tombstones, reversals, attempts and epochs. Pure: no clock, no HTTP, no faults. The traps: every gate is asked
inside the same step that posts (`post`, `reverse`), because a check before it lets a late commit slip past a newer epoch;
and a repeated key is answered with its *current* state, never with the first approval after it was undone.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from operator import attrgetter
from typing import Literal

import msgspec

from relay.core import contract as c
from relay.loopback.entries import (
    MOVES,
    WITHOUT_ACCOUNT,
    Entry,
    EntryState,
    account_of,
    agrees,
    current_answer,
    identity_of,
)
from relay.loopback.fences import RelayEpochs
from relay.loopback.ledgerpages import page_of

PAGE_COUNT_MAX = 500
NETWORK_EVENTS_KEPT = 1_000


class Refused(msgspec.Struct, frozen=True):
    """The core's own "not processed", or a conflict: becomes a problem document."""

    status: int
    type: str
    detail: str
    retry_after_s: int | None = None


class Caller(msgspec.Struct, frozen=True):
    """Who calls, as the headers say: attempt text, center, incarnation of its journal, region epoch, region ("": not said)."""

    attempt: str
    center: str
    relay_epoch: int
    region_epoch: int
    region: str = ""


class Movement(msgspec.Struct, frozen=True):
    """One booking line: what `account` gained (negative: lost). Never changed, never removed."""

    key: str
    account: str
    currency: str
    delta_minor: int
    posting: bool  # False for a reversal's line


class Commit(msgspec.Struct, frozen=True):
    """What one posting transaction was about: an asynchronous copy of this ledger does the same, later, in the same order."""

    verb: Literal["post", "reverse", "inquire", "fence"]
    key: str  # of a fence: the center
    request: c.TransactionRequest | c.ReversalRequest | c.FenceRequest | None
    caller: Caller
    wall_ms: int


class Ledger:
    """`on_commit` hears of each transaction that changed anything (relay/loopback/replica.py)."""

    def __init__(
        self,
        region: str = "tokyo",
        epoch: int = 1,
        opening_minor: int = 10**12,
        utc_offset_minutes: int = 540,
    ) -> None:
        self.region = region
        self.epoch = epoch
        self.state: Literal["standby", "blocked", "serving"] = "serving"
        self.opening_minor = opening_minor
        self.movements: list[Movement] = []
        self.network_events: list[c.NetworkEvent] = []
        self._utc_offset = timedelta(minutes=utc_offset_minutes)
        self._balances: dict[tuple[str, str], int] = {}
        self._blocked: dict[str, str] = {}
        self._entries: dict[str, Entry] = {}
        self._by_date: dict[str, list[Entry]] = {}
        self.relay_epochs = RelayEpochs()
        self._day: tuple[int, str] = (-1, "")
        self.on_commit: Callable[[Commit], None] | None = None

    # ---- what an operator of the fake core sets ------------------------------------------------------------------------
    def open_account(self, account: str, balance_minor: int, currency: str = "JPY") -> None:
        self._balances[account, currency] = balance_minor

    def block_account(self, account: str, reason: str) -> None:
        """Every request on `account` is declined with `reason` (advices excepted: they happened already)."""
        self._blocked[account] = reason

    def activate(self, epoch: int, state: Literal["standby", "blocked", "serving"] = "serving") -> None:
        """Begin `epoch`. Raises ValueError when it would go back."""
        if epoch < self.epoch:
            raise ValueError(f"epoch {epoch} is below {self.epoch}")
        self.epoch, self.state = epoch, state

    # ---- the four verbs --------------------------------------------------------------------------------------------------
    def post(self, key: str, request: c.TransactionRequest, caller: Caller, wall_ms: int) -> c.TransactionAnswer | Refused:
        """The posting transaction: gates, duplicate, decision and booking as one step."""
        return self.gate(caller) or self._post(key, request, caller, wall_ms)

    def _post(self, key: str, request: c.TransactionRequest, caller: Caller, wall_ms: int) -> c.TransactionAnswer | Refused:
        entry = self._entries.get(key)
        if entry is None:
            entry = self._book(key, request, caller.center, wall_ms)
        elif entry.state is EntryState.TOMBSTONE:
            entry.kind, entry.terminal, entry.trace = request.kind, request.terminal, request.trace  # for the listing
        elif not agrees(entry.business_identity, identity_of(request)):
            return Refused(422, c.PROBLEM_KEY_CONFLICT, "this key was used with another kind, terminal, account or amount")
        entry.attempts.answer(caller.attempt)
        self._commit("post", key, request, caller, wall_ms)
        return current_answer(entry)

    def reverse(self, key: str, request: c.ReversalRequest, caller: Caller, wall_ms: int) -> c.ReversalAnswer | Refused:
        """Bring what stands down to `request.standing`; on an unknown key leave a tombstone."""
        return self.gate(caller) or self._reverse(key, request, caller, wall_ms)

    def _reverse(self, key: str, request: c.ReversalRequest, caller: Caller, wall_ms: int) -> c.ReversalAnswer | Refused:
        standing = int(request.standing.minor)
        currency = request.standing.currency
        if standing < 0:
            return Refused(400, c.PROBLEM_INVALID, "standing is negative")
        entry = self._entries.get(key)
        if entry is None:
            if standing:
                return Refused(400, c.PROBLEM_INVALID, "nothing was posted under this key that a part could stand of")
            entry = self._new(key, EntryState.TOMBSTONE, "", wall_ms, caller.center)
            self._commit("reverse", key, request, caller, wall_ms)
            return c.ReversalAnswer(key=key, state="tombstone", standing=c.Amount("0", currency))
        if request.automatic:
            does_stand = current_answer(entry).status == "approved"
            problem = entry.attempts.refuse(request.attempt or caller.attempt, is_untold=request.untold, does_stand=does_stand)
            if problem is not None:
                self._commit("reverse", key, request, caller, wall_ms)  # it is refused, and what it said is kept
                return Refused(409, problem, "another attempt of this key was answered, and may have been told")
        if entry.state is EntryState.TOMBSTONE:
            return c.ReversalAnswer(key=key, state="tombstone", standing=c.Amount("0", currency))
        if entry.state is EntryState.DECLINED:
            return c.ReversalAnswer(key=key, state="declined", standing=c.Amount("0", currency))
        if entry.amount is not None and entry.amount.currency != currency:
            return Refused(400, c.PROBLEM_INVALID, "standing is in another currency than what was posted")
        if entry.amount is None or standing < entry.standing_minor:
            self._undo(entry, standing, "" if request.automatic else caller.center)
            self._commit("reverse", key, request, caller, wall_ms)
        return c.ReversalAnswer(key=key, state="reversed", standing=c.Amount(str(entry.standing_minor), currency))

    def inquire(self, key: str, caller: Caller | None, *, is_told: bool = True) -> c.InquiryAnswer | Refused:
        """The key's state, read from the writer. An answer to an attempt counts as one, because a terminal may be shown it; but
        not where the caller says that none will be (`is_told`)."""
        if caller is not None:
            refused = self.gate(caller)
            if refused is not None:
                return refused
        entry = self._entries.get(key)
        if entry is None:
            return c.InquiryAnswer(key=key, state="not-found")
        if caller is not None and is_told and entry.state in (EntryState.POSTED, EntryState.DECLINED):
            entry.attempts.answer(caller.attempt)
            self._commit("inquire", key, None, caller, entry.posted_at_ms)
        state: Literal["posted", "declined", "reversed", "not-found"]
        if entry.state is EntryState.TOMBSTONE:
            return c.InquiryAnswer(key=key, state="reversed")
        state = entry.state.value
        amount = entry.amount
        standing = None if amount is None else c.Amount(str(entry.standing_minor), amount.currency)
        answer = None if state == "reversed" else entry.answer
        attempt = entry.attempts.named_to(None if caller is None else caller.attempt)
        return c.InquiryAnswer(key=key, state=state, answer=answer, standing=standing, attempt=attempt)

    def raise_fence(self, center: str, request: c.FenceRequest, caller: Caller) -> c.CenterAnswer | Refused:
        """A take-over: in the same step as the gate, so that no call of the fenced life is half way through."""
        if (refused := self.gate(caller, while_blocked=True)) is not None:
            return refused
        if not self.relay_epochs.raise_fence(center, request, caller.center):
            return Refused(409, c.PROBLEM_FENCE_BEHIND, f"a life as high of center {center} was heard already")
        self._commit("fence", center, request, caller, 0)
        return self.relay_epochs.standing(center)

    def page(self, business_date: str, terminal: str | None, cursor: int, count: int = PAGE_COUNT_MAX) -> c.LedgerPage:
        """Entries after `cursor` (0 begins), oldest first; totals per center, terminal and kind come with the last page."""
        return page_of(business_date, self._by_date.get(business_date, []), terminal, cursor, count)

    # ---- what a region does not keep -------------------------------------------------------------------------------------
    def knows(self, key: str) -> bool:
        return key in self._entries

    def forget(self, key: str) -> set[str]:
        """A posting that the next region never got: undone and unknown. Returns the accounts that it had moved."""
        entry = self._entries.pop(key, None)
        if entry is None:
            return set()
        moved = {movement.account for movement in self.movements if movement.key == key}
        if entry.standing_minor:
            self._undo(entry, 0, "")
        self._by_date[entry.business_date].remove(entry)
        return moved

    def redo(self, commit: Commit) -> None:
        """Do what another ledger did, whatever epoch and state this one is in."""
        self.relay_epochs.saw(commit.caller.center, commit.caller.relay_epoch)
        request = commit.request
        if isinstance(request, c.FenceRequest):
            self.relay_epochs.raise_fence(commit.key, request, commit.caller.center)
        elif isinstance(request, c.TransactionRequest):
            self._post(commit.key, request, commit.caller, commit.wall_ms)
        elif request is not None:
            self._reverse(commit.key, request, commit.caller, commit.wall_ms)
        elif commit.key in self._entries:
            self._entries[commit.key].attempts.answer(commit.caller.attempt)

    def become_copy_of(self, other: Ledger) -> None:
        """Everything of `other` but its region, epoch and state, and nothing else: a standby that is set up anew."""
        self.opening_minor, self._utc_offset = other.opening_minor, other._utc_offset
        self.movements = list(other.movements)
        self._balances, self._blocked = dict(other._balances), dict(other._blocked)
        self.relay_epochs = other.relay_epochs.copy()
        self._entries = {key: entry.copy() for key, entry in other._entries.items()}
        self._by_date = {}
        for entry in sorted(self._entries.values(), key=attrgetter("sequence")):
            self._by_date.setdefault(entry.business_date, []).append(entry)

    # ---- what the conservation check reads ------------------------------------------------------------------------------
    def entries(self) -> Iterator[Entry]:
        return iter(self._entries.values())

    @property
    def size(self) -> int:
        """Keys and booking lines so far: it grows with whatever happens here."""
        return len(self._entries) + len(self.movements)

    def balance(self, account: str, currency: str = "JPY") -> int:
        return self._balances.get((account, currency), self.opening_minor)

    def posted_twice(self) -> list[str]:
        """Keys with more than one posting line on one account: must be empty whatever happened."""
        seen: set[tuple[str, str]] = set()
        twice: list[str] = []
        for movement in self.movements:
            if movement.posting:
                where = (movement.key, movement.account)
                if where in seen:
                    twice.append(movement.key)
                seen.add(where)
        return twice

    # ---- inside the posting transaction -----------------------------------------------------------------------------------
    def gate(self, caller: Caller, while_blocked: bool = False) -> Refused | None:
        """May this call be processed at all: the region's epoch, its state, the relay's own epoch (law 5)."""
        refused = self.region_gate(caller, while_blocked)
        if refused is None and not self.relay_epochs.admits(caller.center, caller.relay_epoch):
            newest = self.relay_epochs.newest(caller.center)
            return Refused(412, c.PROBLEM_SUPERSEDED_RELAY, f"center {caller.center} speaks with epoch {newest} now")
        return refused

    def region_gate(self, caller: Caller, while_blocked: bool) -> Refused | None:
        if caller.region_epoch != self.epoch or self.state == "standby" or caller.region not in ("", self.region):
            return Refused(421, c.PROBLEM_WRONG_REGION, f"this is region {self.region} in epoch {self.epoch}, {self.state}")
        if self.state == "blocked" and not while_blocked:
            return Refused(503, c.PROBLEM_OVERLOADED, "the region is blocked until service is released", retry_after_s=1)
        return None

    def _commit(
        self,
        verb: Literal["post", "reverse", "inquire", "fence"],
        key: str,
        request: c.TransactionRequest | c.ReversalRequest | c.FenceRequest | None,
        caller: Caller,
        wall_ms: int,
    ) -> None:
        if self.on_commit is not None:
            self.on_commit(Commit(verb, key, request, caller, wall_ms))

    def _new(self, key: str, state: EntryState, business_date: str, wall_ms: int, center: str) -> Entry:
        business_date = business_date or self._business_date(wall_ms)
        entry = Entry(key, len(self._entries) + 1, state, business_date, wall_ms, center)
        self._entries[key] = entry
        self._by_date.setdefault(entry.business_date, []).append(entry)
        return entry

    def _book(self, key: str, request: c.TransactionRequest, center: str, wall_ms: int) -> Entry:
        entry = self._new(key, EntryState.DECLINED, request.business_date or "", wall_ms, center)
        entry.kind, entry.terminal, entry.trace, entry.amount = request.kind, request.terminal, request.trace, request.amount
        entry.business_identity = identity_of(request)
        direction = MOVES.get(request.kind)
        own = account_of(request)
        entry.account = own
        reason = self._reason_against(request, direction, own)
        if reason:
            entry.answer = c.TransactionAnswer(key=key, status="declined", reason=reason)
            return entry
        currency = "JPY" if request.amount is None else request.amount.currency
        if request.advice and request.original_key and self._confirms(request, request.original_key, center):
            pass  # its original was posted: what happened is booked there, and nowhere twice
        elif direction and request.amount is not None:
            minor = int(request.amount.minor)
            entry.posted_minor = entry.standing_minor = minor
            if request.kind == "transfer":
                entry.to_account = request.to_account or ""
                self._move(key, entry.to_account, currency, minor, True)
            self._move(key, own, currency, direction * minor, True)
        entry.state = EntryState.POSTED
        available = c.Amount(str(self.balance(own, currency)), currency)
        entry.answer = c.TransactionAnswer(
            key=key,
            status="approved",
            authorisation_id=f"{entry.sequence % 1_000_000:06d}",
            balances=[c.BalanceEntry("00", "01", available), c.BalanceEntry("00", "02", available)] if own else [],
        )
        return entry

    def _reason_against(self, request: c.TransactionRequest, direction: int | None, own: str) -> str:
        if direction is None:
            return "invalid-transaction"
        if direction and (request.amount is None or int(request.amount.minor) <= 0):
            return "invalid-amount"
        if not own and request.kind not in WITHOUT_ACCOUNT:
            return "no-such-account"
        if request.kind == "transfer" and not request.to_account:
            return "no-such-account"
        if request.advice:
            return ""  # it happened already: booked even where a request would be declined
        if own in self._blocked:
            return self._blocked[own]
        if direction < 0 and request.amount is not None:
            minor, currency = int(request.amount.minor), request.amount.currency
            if self.balance(own, currency) < minor:
                return "insufficient-funds"
        return ""

    def _confirms(self, request: c.TransactionRequest, original_key: str, center: str) -> bool:
        """A completion of a posted original lowers what stands to its own amount. False where nothing was posted."""
        original = self._entries.get(original_key)
        if original is None or original.state is not EntryState.POSTED or original.amount is None:
            return False
        if request.amount is not None and request.amount.currency == original.amount.currency:
            standing = int(request.amount.minor)
            if standing < original.standing_minor:
                self._undo(original, standing, center)
        return True

    def _undo(self, entry: Entry, standing_minor: int, reversed_by: str) -> None:
        """`reversed_by`: the center that says so, "" for an automatic reversal."""
        credited = entry.standing_minor - standing_minor
        entry.reversed_by = reversed_by
        entry.state, entry.standing_minor = EntryState.REVERSED, standing_minor
        if entry.amount is None or not credited:
            return
        currency = entry.amount.currency
        if entry.to_account:
            self._move(entry.key, entry.to_account, currency, -credited, False)
        self._move(entry.key, entry.account, currency, -MOVES[entry.kind] * credited, False)

    def _move(self, key: str, account: str, currency: str, delta_minor: int, posting: bool) -> None:
        if not delta_minor:
            return
        self.movements.append(Movement(key, account, currency, delta_minor, posting))
        where = (account, currency)
        self._balances[where] = self._balances.get(where, self.opening_minor) + delta_minor

    def _business_date(self, wall_ms: int) -> str:
        hour = wall_ms // 3_600_000  # a zone's date changes on an hour (or on a half: then an entry may be early by it)
        if self._day[0] != hour:
            moment = datetime.fromtimestamp(wall_ms / 1000, UTC) + self._utc_offset
            self._day = (hour, moment.date().isoformat())
        return self._day[1]
