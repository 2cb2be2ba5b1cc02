"""Accepted files on one link: durable first, then asked record by record, its trailers stated, then remembered as done, then
given up.

Owns `Taking`, the five steps and what is waited for between them. It must never know the wire. The traps: no record is asked
before the file is durable as accepted, or a crash would leave half of it with the core and nobody who knows the rest; nothing
is remembered as done before what its trailers state is durable, for it comes but once, and nothing is given up before "done"
is; and a `Stored` counts only when no later one of the same name is on its way.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from protocols.dialect import Action, Store, Tell
from protocols.totals import TotalsKept
from protocols.vocabulary import Reply
from protocols.zengin.file.archive import done_name, head_name
from protocols.zengin.file.message import BatchMessage, FileIdentity, RecordMessage
from protocols.zengin.file.taker import Taker
from protocols.zengin.file.talk import Talk
from protocols.zengin.file.work import Work


class Taking:
    """`on_done(identity, result)` is called when a file is durably done."""

    def __init__(self, talk: Talk, on_done: Callable[[FileIdentity, str], None]) -> None:
        self._talk = talk
        self._on_done = on_done
        self._pending: dict[str, int] = {}  # variable -> stores given and not yet answered
        self._accepting: dict[str, Work] = {}  # variable of its head -> file
        self._takers: dict[FileIdentity, Taker] = {}
        self._stating: dict[str, tuple[Taker, int]] = {}  # id of statements -> whose, and how many are not durable yet
        self._finishing: list[Taker] = []

    @property
    def is_busy(self) -> bool:
        return bool(self._accepting or self._takers or self._stating or self._finishing)

    def count(self, actions: Iterable[Action]) -> None:
        """What this step gives to the journal: each is answered by a `Stored`."""
        for action in actions:
            if isinstance(action, Store):
                self._pending[action.name] = self._pending.get(action.name, 0) + 1

    # ---- one file after the other ----------------------------------------------------------------------------------------
    def take(self, work: Work) -> None:
        """A file that is here and sound, or one that another link (or life) left half taken."""
        rule = self._talk.rules.profile.rule(work.identity.file)
        work.is_run = True
        self._accepting[head_name(work)] = work
        self._talk.actions += self._talk.rules.archive.accept(work, "record" if rule is None else rule.calls)

    def resume(self) -> None:
        """Take up an accepted file that no link is taking."""
        if not self.is_busy and not self._talk.is_over:
            work = next(self._talk.rules.archive.unfinished(), None)
            if work is not None:
                self._talk.note("file-resumed", f"{work.identity.text()}: {work.taken} records taken so far")
                self.take(work)

    def stored(self, name: str) -> bool:
        """One store of this variable is durable. False: another one of it is on its way."""
        left = self._pending.get(name, 1) - 1
        if left > 0:
            self._pending[name] = left
            return False
        self._pending.pop(name, None)
        work = self._accepting.pop(name, None)
        if work is not None:
            taker = self._takers[work.identity] = Taker(self._talk.rules, work)
            taker.ask(self._talk)
            self._finish_if_taken(taker)
        for taker in [one for one in self._finishing if done_name(one.work.identity.station) == name]:
            self._finishing.remove(taker)
            self._conclude(taker)
        return True

    def decided(self, message: RecordMessage | BatchMessage, reply: Reply) -> None:
        taker = self._takers.get(message.identity)
        if taker is not None:
            taker.decided(message, reply, self._talk)
            self._finish_if_taken(taker)

    def go_on(self) -> None:
        """Records that were taken before are passed over a slice at a time."""
        for taker in list(self._takers.values()):
            taker.ask(self._talk)
            self._finish_if_taken(taker)

    def retry(self) -> None:
        for taker in self._takers.values():
            taker.retry(self._talk)

    def _finish_if_taken(self, taker: Taker) -> None:
        if not taker.is_finished or self._takers.pop(taker.work.identity, None) is None:
            return
        statements = taker.trailers.statements()
        if statements:
            self._stating[statements[0].id] = taker, len(statements)
            self._talk.actions.extend(statements)
        else:
            self._finish(taker)

    def kept(self, event: TotalsKept) -> bool:
        """What became of a statement. False: the journal did not take it, and the file is not done."""
        waiting = self._stating.get(event.id)
        if waiting is None:
            return True
        if event.result == "failed":
            return False
        if event.result == "conflict":  # its kinds are named otherwise than when it was stated first
            self._talk.note("totals-conflict", event.id)
        taker, left = waiting
        if left > 1:
            self._stating[event.id] = taker, left - 1
        else:
            del self._stating[event.id]
            self._finish(taker)
        return True

    def _finish(self, taker: Taker) -> None:
        self._finishing.append(taker)
        self._talk.actions.append(self._talk.rules.archive.finish(taker.work, taker.result))

    def _conclude(self, taker: Taker) -> None:
        identity, result = taker.work.identity, taker.result
        talk = self._talk
        talk.actions += talk.rules.archive.release(taker.work)
        talk.note("file-taken", f"{identity.text()}: {result}")
        talk.actions.append(Tell("file-taken", {"file": identity.text(), "result": result}))
        self._on_done(identity, result)
        self.resume()

    def lost(self) -> None:
        """The link ends: another takes up what is not done, from its last gapless record."""
        stating = [taker for taker, _ in self._stating.values()]
        takers = (*self._takers.values(), *stating, *self._finishing)
        works = [*self._accepting.values(), *(taker.work for taker in takers)]
        for work in works:
            self._talk.rules.archive.unsure(work)
        self._accepting.clear()
        self._takers.clear()
        self._stating.clear()
        self._finishing.clear()
