"""Operation codes and replies of one configuration id, compiled: what a code means, how a word is said.

Owns the look-up: an exact code first, then the patterns with "?" in the order they were written. It must never know a link.
The trap: a code without a row is no transaction at all, and is declined without the core hearing of it.
"""

from __future__ import annotations

import msgspec

from protocols.ndc import defaults
from protocols.ndc.profile import NdcProfile, ReplyRule
from protocols.vocabulary import DoubtPolicy


class Row(msgspec.Struct, frozen=True, kw_only=True):
    """One operation code, with what its kind says."""

    code: str
    kind: str
    policy: DoubtPolicy
    completion: bool
    amount: str  # amount | B | C | fixed | notes | none
    fixed_minor: int
    from_account: str
    to_account: str
    language: str
    approved: str  # the word of its approval


class Tables(msgspec.Struct, frozen=True):
    """All tables of one configuration id. `declines` never holds an approval's row, whatever word the core declines with."""

    config_id: str
    exact: dict[str, Row]
    patterns: tuple[tuple[str, Row], ...]
    approvals: dict[str, ReplyRule]
    declines: dict[str, ReplyRule]

    def row(self, operation: str) -> Row | None:
        found = self.exact.get(operation)
        if found is not None:
            return found
        for pattern, row in self.patterns:
            if len(operation) == len(pattern) and all(
                wanted in ("?", given) for wanted, given in zip(pattern, operation, strict=True)
            ):
                return row
        return None

    def decline(self, word: str, kind: str = "") -> ReplyRule:
        """How a refusal is said: as its kind demands (notes in escrow go back), else by its own row, else plainly."""
        declines = self.declines
        return declines.get(f"{defaults.DECLINE}:{kind}") or declines.get(word) or declines[defaults.DECLINE]


def compile_tables(profile: NdcProfile, config_id: str) -> Tables:
    kinds = profile.all_kinds()
    exact: dict[str, Row] = {}
    patterns: list[tuple[str, Row]] = []
    for code, rule in profile.all_operations(config_id).items():
        kind = kinds[rule.kind]
        row = Row(
            code=code,
            kind=rule.kind,
            policy=kind.doubt,
            completion=kind.completion,
            amount="none" if kind.amount == "none" else rule.amount,
            fixed_minor=rule.fixed_minor,
            from_account=rule.from_account,
            to_account=rule.to_account,
            language=rule.language,
            approved=rule.reply or f"{defaults.APPROVED}{rule.kind}",
        )
        if "?" in code:
            patterns.append((code, row))
        else:
            exact[code] = row
    replies = profile.all_replies(config_id)
    approved = {row.approved for row in (*exact.values(), *(row for _, row in patterns))}
    approved |= {word for word in replies if word.startswith(defaults.APPROVED)}
    return Tables(
        config_id,
        exact,
        tuple(patterns),
        {word: reply for word, reply in replies.items() if word in approved},
        {word: reply for word, reply in replies.items() if word not in approved},
    )
