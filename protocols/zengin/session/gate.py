"""The gate before 開局: reference tables are read from their files, judged row by row, and only then used.

Owns which version is in use and why 開局 is refused. It must never repair a table. The traps: the check is made at each
開局 anew, because the file may have changed since yesterday; lines that read the very same text share the work and the tables,
because 32 lines open at one moment; the switch `bypass` asks for no table at all, so that no table can stop the line; a table
that was refused is never in use, not even in part; and reading back a nation's branches takes longer than a loop may stand
still, so that the check comes in slices and what was in use before it stays so until its end.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

from protocols.errors import LocalMisuse
from protocols.zengin.session.profile import TableRules
from protocols.zengin.telegram.readback import verifying
from protocols.zengin.telegram.reference import TABLES, Reference, Table, loading
from protocols.zengin.telegram.shared import Shared
from protocols.zengin.telegram.slices import Pace, Slices, finish

Texts: TypeAlias = tuple[tuple[str, str], ...]  # table, text of its file
ReadBack: TypeAlias = tuple[Reference | None, tuple[str, ...]]  # the tables, and what is wrong with them; None with any problem


class TableGate:
    """`read_text(name)` gives the text of "tables/VERSION/TABLE.tsv"; it raises LocalMisuse where there is none. Gates with
    one `shared` read the same texts back together."""

    def __init__(self, rules: TableRules, read_text: Callable[[str], str], shared: Shared[ReadBack]) -> None:
        self._rules = rules
        self._read_text = read_text
        self._shared = shared
        self.reference: Reference | None = None

    def check(self, use_previous: bool) -> list[str]:
        """All of `checking` at once."""
        return finish(self.checking(use_previous))

    def checking(self, use_previous: bool) -> Slices[list[str]]:
        """What keeps the line from 開局, as sentences; empty for nothing. With it the tables are in use."""
        self.reference, problems = yield from self._judged(use_previous)
        return problems

    def switching(self, use_previous: bool) -> Slices[list[str]]:
        """Change the version while the line may be open: what is in use stays in use where the other is refused, because
        a telegram without its fee is worse than one with yesterday's."""
        reference, problems = yield from self._judged(use_previous)
        if not problems:
            self.reference = reference
        return problems

    def _judged(self, use_previous: bool) -> Slices[tuple[Reference | None, list[str]]]:
        rules = self._rules
        if rules.enrichment == "bypass":
            return None, []
        version = rules.previous if use_previous else rules.current
        try:
            texts = self._texts(version)
        except LocalMisuse as problem:
            return None, [f"reference tables {version or 'without a version'}: {problem}"]
        key = (texts, self._previous_texts(use_previous), rules.rows_drop_max_percent)
        reference, problems = yield from self._shared.share(key, lambda: _reading_back(*key))
        return reference, [f"reference tables {version}: {problem}" for problem in problems]

    def _texts(self, version: str) -> Texts:
        return tuple((name, self._read_text(f"tables/{version}/{name}.tsv")) for name in TABLES)

    def _previous_texts(self, use_previous: bool) -> Texts:
        """The version before, to compare counts with. A previous version that cannot be read cannot be gone back to, but
        it stops nothing today."""
        if use_previous or not self._rules.previous:
            return ()
        try:
            return self._texts(self._rules.previous)
        except LocalMisuse:
            return ()


def _reading_back(texts: Texts, before: Texts, drop_max_percent: int) -> Slices[ReadBack]:
    """The tables made of these very texts. It depends on nothing else, because lines share it."""
    pace = Pace()
    loaded: dict[str, Table] = {}
    try:
        for name, text in texts:
            loaded[name] = yield from loading(text, name, pace)
    except LocalMisuse as problem:
        return None, (str(problem),)
    reference = yield from Reference.making(loaded["banks"], loaded["branches"], loaded["fees"], pace)
    problems = yield from verifying(dict(texts), reference, dict(before), drop_max_percent, pace)
    return (None if problems else reference), tuple(problems)
