"""The day's end of a load: every troupe's books against the one ledger, and the core's own messages against what was heard.

Owns the sharing out of ledger lines among troupes by the dialect's word in their keys. It must never know a dialect. The trap:
a line that moved money and belongs to no troupe is in nobody's books, so it is counted as lost and shown.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import msgspec

from relay.loopback.claims import hold
from relay.loopback.deliveries import Outcome
from relay.loopback.report import Conservation, LedgerLine, Listed, united
from relay.loopback.troupe import Troupe

NOBODY = ""


class Account(msgspec.Struct, frozen=True):
    """One troupe at the end."""

    troupe: str
    conservation: Conservation
    listed: int
    outbound: Outcome


class Reckoning(msgspec.Struct, frozen=True):
    """The whole, and each troupe."""

    whole: Conservation
    accounts: tuple[Account, ...]

    @property
    def holds(self) -> bool:
        return self.whole.holds and not any(one.outbound.lost or one.outbound.doubled for one in self.accounts)


def reckon(
    troupes: Sequence[Troupe],
    lines: Iterable[LedgerLine],
    listed: Iterable[Listed],
    posted_twice: Iterable[str],
    outcomes: Sequence[Outcome],
) -> Reckoning:
    """`outcomes` are of the core's messages, in the order of `troupes`."""
    words = {troupe.key_word for troupe in troupes}
    lines_of: dict[str, list[LedgerLine]] = {}
    for line in lines:
        lines_of.setdefault(_word(line.key, words), []).append(line)
    listed_of: dict[str, list[Listed]] = {}
    for item in listed:
        listed_of.setdefault(_word(item.key, words), []).append(item)
    keys_of: dict[str, list[str]] = {}
    for key in posted_twice:
        keys_of.setdefault(_word(key, words), []).append(key)
    accounts = []
    for troupe, outcome in zip(troupes, outcomes, strict=True):
        word = troupe.key_word
        mine = listed_of.get(word, [])
        held = troupe.conserve(lines_of.get(word, []), mine, keys_of.get(word, []))
        accounts.append(Account(troupe.name, held, len(mine), outcome))
    rest = hold([], lines_of.get(NOBODY, []), listed_of.get(NOBODY, []), keys_of.get(NOBODY, []))
    return Reckoning(united([*(account.conservation for account in accounts), rest]), tuple(accounts))


def _word(key: str, words: set[str]) -> str:
    """Whose a key is. Where there is one troupe only, everything is its own: a bank's own key recipe may have no word."""
    if len(words) == 1:
        return next(iter(words))
    parts = key.split(":", 2)
    return parts[1] if len(parts) > 1 and parts[1] in words else NOBODY
