"""Which attempts of one key the fake core has answered, and which of them has a say when one is to be undone. Pure.

Owns rule 4 of the contract. It must never know amounts, keys or HTTP. The essay: an answer that was given may be lost, or shown
to a terminal; only the relay that asked knows which, and says so with its reversal. The order of the answers alone does not
tell: a call that is taken late is answered last, though nobody hears it. The traps: who has given way, or told nobody, may have
a call that is long on its way, and answered it must not count; and what was said is kept also where the reversal is refused.
"""

from __future__ import annotations

from copy import copy

from relay.core import contract as c


class Attempts:
    __slots__ = ("_given_way", "_untold", "answered")

    def __init__(self) -> None:
        self.answered: dict[str, None] = {}  # in the order of their last answers
        self._given_way: frozenset[str] = frozenset()  # were told that another one has taken over
        self._untold: frozenset[str] = frozenset()  # their relay told nobody "approved", and never will

    def copy(self) -> Attempts:
        """For another ledger: what is answered there is not answered here."""
        other = copy(self)
        other.answered = dict(self.answered)
        return other

    def answer(self, attempt: str) -> None:
        if attempt not in self._given_way:
            self.answered.pop(attempt, None)
            self.answered[attempt] = None

    def named_to(self, asker: str | None) -> str | None:
        """The one that was answered last; where there is another than the asker's, the newest of those. None that is untold,
        but the asker's own: that nobody else was answered is what reconciliation has to know."""
        told = [attempt for attempt in self.answered if attempt == asker or attempt not in self._untold]
        others = [attempt for attempt in told if attempt != asker]
        return next(reversed(others or told), None)

    def refuse(self, attempt: str, *, is_untold: bool, does_stand: bool) -> str | None:
        """The problem with which an automatic reversal of `attempt` is refused, or None. `does_stand`: something is approved
        now that it would take back."""
        if is_untold:
            self._untold |= {attempt}
        others = [each for each in self.answered if each == attempt or each not in self._untold]
        if others and others[-1] != attempt:
            self._given_way |= {attempt}
            return c.PROBLEM_SUPERSEDED_ATTEMPT
        if is_untold and does_stand and others and others != [attempt]:
            return c.PROBLEM_CONTESTED_ATTEMPT
        return None
