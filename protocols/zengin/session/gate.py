"""The gate before 開局: reference tables are read from their files, judged row by row, and only then used.

Owns which version is in use and why 開局 is refused. It must never repair a table. The traps: the check is made at each
開局 anew, because the file may have changed since yesterday; the switch `bypass` asks for no table at all, so that no table
can stop the line; a table that was refused is never in use, not even in part; and reading back a nation's branches takes longer
than a loop may stand still, so that the check comes in slices and what was in use before it stays so until its end.
"""

from __future__ import annotations

from collections.abc import Callable

from protocols.errors import LocalMisuse
from protocols.zengin.session.profile import TableRules
from protocols.zengin.telegram.readback import verifying
from protocols.zengin.telegram.reference import TABLES, Reference, Table, loading
from protocols.zengin.telegram.slices import Pace, Slices, finish


class TableGate:
    """`read_text(name)` gives the text of "tables/VERSION/TABLE.tsv"; it raises LocalMisuse where there is none."""

    def __init__(self, rules: TableRules, read_text: Callable[[str], str]) -> None:
        self._rules = rules
        self._read_text = read_text
        self.reference: Reference | None = None

    def check(self, use_previous: bool) -> list[str]:
        """All of `checking` at once."""
        return finish(self.checking(use_previous))

    def checking(self, use_previous: bool) -> Slices[list[str]]:
        """What keeps the line from 開局, as sentences; empty for nothing. With it the tables are in use."""
        problems, reference = yield from self._judged(use_previous)
        self.reference = reference
        return problems

    def _judged(self, use_previous: bool) -> Slices[tuple[list[str], Reference | None]]:
        rules = self._rules
        if rules.enrichment == "bypass":
            return [], None
        version = rules.previous if use_previous else rules.current
        pace = Pace()
        loaded: dict[str, Table] = {}
        try:
            texts = self._texts(version)
            for name, text in texts.items():
                loaded[name] = yield from loading(text, name, pace)
        except LocalMisuse as problem:
            return [f"reference tables {version or 'without a version'}: {problem}"], None
        reference = yield from Reference.making(loaded["banks"], loaded["branches"], loaded["fees"], pace)
        previous = self._previous_texts(use_previous)
        problems = yield from verifying(texts, reference, previous, rules.rows_drop_max_percent, pace)
        if problems:
            return [f"reference tables {version}: {problem}" for problem in problems], None
        return [], reference

    def _texts(self, version: str) -> dict[str, str]:
        return {name: self._read_text(f"tables/{version}/{name}.tsv") for name in TABLES}

    def _previous_texts(self, use_previous: bool) -> dict[str, str]:
        """The version before, to compare counts with. A previous version that cannot be read cannot be gone back to, but
        it stops nothing today."""
        if use_previous or not self._rules.previous:
            return {}
        try:
            return self._texts(self._rules.previous)
        except LocalMisuse:
            return {}
