"""The gate before 開局: reference tables are read from their files, judged row by row, and only then used.

Owns which version is in use and why 開局 is refused. It must never repair a table. The traps: the check is made at each
開局 anew, because the file may have changed since yesterday; lines that read the very same text share the work and the tables
(30,000 rows take 0.2 s, and 32 lines open at one moment); the switch `bypass` asks for no table at all, so that no table can
stop the line; and a table that was refused is never in use, not even in part.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import TypeAlias

from protocols.errors import LocalMisuse
from protocols.zengin.session.profile import TableRules
from protocols.zengin.telegram.readback import verify
from protocols.zengin.telegram.reference import TABLES, Reference, load

READ_BACK_KEPT = 4  # sets of texts: the version in use and the one before, and both again after a change


class TableGate:
    """`read_text(name)` gives the text of "tables/VERSION/TABLE.tsv"; it raises LocalMisuse where there is none."""

    def __init__(self, rules: TableRules, read_text: Callable[[str], str]) -> None:
        self._rules = rules
        self._read_text = read_text
        self.reference: Reference | None = None

    def check(self, use_previous: bool) -> list[str]:
        """What keeps the line from 開局, as sentences; empty for nothing. With it the tables are in use."""
        self.reference, problems = self._judge(use_previous)
        return problems

    def switch(self, use_previous: bool) -> list[str]:
        """Change the version while the line may be open: what is in use stays in use where the other is refused, because
        a telegram without its fee is worse than one with yesterday's."""
        reference, problems = self._judge(use_previous)
        if not problems:
            self.reference = reference
        return problems

    def _judge(self, use_previous: bool) -> tuple[Reference | None, list[str]]:
        rules = self._rules
        if rules.enrichment == "bypass":
            return None, []
        version = rules.previous if use_previous else rules.current
        try:
            texts = self._texts(version)
            before = self._previous_texts(use_previous)
            reference, problems = _read_back(tuple(texts.items()), tuple(before.items()), rules.rows_drop_max_percent)
        except LocalMisuse as problem:
            return None, [f"reference tables {version or 'without a version'}: {problem}"]
        return reference, [f"reference tables {version}: {problem}" for problem in problems]

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


Texts: TypeAlias = tuple[tuple[str, str], ...]  # table, text of its file


@lru_cache(maxsize=READ_BACK_KEPT)
def _read_back(texts: Texts, before: Texts, drop_max_percent: int) -> tuple[Reference | None, tuple[str, ...]]:
    """The tables made of these very texts, and what is wrong with them; None with any problem. Raises LocalMisuse."""
    loaded = {name: load(text, name) for name, text in texts}
    reference = Reference(loaded["banks"], loaded["branches"], loaded["fees"])
    problems = verify(dict(texts), reference, dict(before), drop_max_percent)
    return (None if problems else reference), tuple(problems)
