"""What `pair.ack_needs_*` must be to each other and to the journal, and the order that they make.

Owns the checks that need only the file, and the defaults. It must never look at a standby. The traps: a file of one host has no
standby, so `local+peer` there would be a promise that nobody keeps; and a need behind `local` is never reached.
"""

from __future__ import annotations

from collections.abc import Iterator

from relay.configuration.regions import Wrong
from relay.needs import ALONE, IN_PAIR, POSSIBLE, AckClass, Need
from relay.pairsettings import PairSettings
from relay.settings import JournalSettings


def setting_of(ack_class: AckClass) -> str:
    return f"ack_needs_{ack_class.value}"


def needs_of(pair: PairSettings) -> dict[AckClass, tuple[Need, ...]]:
    """The order of each class: as configured, or the default of a relay with or without a standby."""
    default = ALONE if pair.journal_standby is None else IN_PAIR
    given = {each: tuple(map(Need, getattr(pair, setting_of(each)))) for each in AckClass}
    return {each: given[each] or default[each] for each in AckClass}


def check_acks(pair: PairSettings, journal: JournalSettings) -> Iterator[Wrong]:
    """Everything that keeps an acknowledgement from meaning what is configured."""
    if pair.journal_standby is not None and journal.engine == "sqlite":
        yield Wrong(
            ("pair", "journal_standby"),
            "a SQLite journal has no standby",
            'journal.engine = "postgresql", or remove it; see docs/pair.md',
        )
    for ack_class in AckClass:
        where = ("pair", setting_of(ack_class))
        needs: tuple[str, ...] = getattr(pair, setting_of(ack_class))
        possible = POSSIBLE[ack_class]
        for need in needs:
            if need not in possible:
                yield Wrong(where, f"{need} cannot be had for it", f"one or more of: {', '.join(sorted(possible))}")
        if "local+peer" in needs and journal.engine == "sqlite":
            yield Wrong(
                where,
                "a SQLite journal is on this host only: local+peer is never met",
                'core or local; or journal.engine = "postgresql" with pair.journal_standby',
            )
        elif "local+peer" in needs and pair.journal_standby is None:
            yield Wrong(where, "no standby at the other center is named", 'journal_standby = "osaka"')
        if len(set(needs)) < len(needs):
            yield Wrong(where, "the same need twice", "each once, best first")
        if "local" in needs[:-1]:
            yield Wrong(where, "local can always be had: nothing behind it is ever reached", "local last")
    if pair.ack_needs_request and pair.ack_needs_request[-1] != "local":
        yield Wrong(
            ("pair", setting_of(AckClass.REQUEST)),
            "a decided reply would wait for ever",
            '["local+peer", "local"] or ["local"]',
        )
