"""The RC session behind the dialect port: one logical line's profile compiled into rules.

Owns `ZrcDialect` and the kit that `protocols.dialects` lists. It must never read a file: tables come as text by name. The
trap: everything that can be wrong with a profile is found here, at start; but a broken reference table stops only 開局,
never the relay.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from typing import Literal

from protocols.dialect import Dialogue
from protocols.errors import LocalMisuse
from protocols.vocabulary import Answer, Received, Refusal, Reply, Request, Taken, Verdict
from protocols.zengin.session.dialogue import ZrcDialogue
from protocols.zengin.session.gate import ReadBack
from protocols.zengin.session.inward import TAKEN_CODE, InwardTelegram
from protocols.zengin.session.profile import ZrcProfile
from protocols.zengin.session.rules import Rules
from protocols.zengin.telegram.shared import Shared
from protocols.zengin.telegram.translate import to_request


class ZrcDialect:
    """Fulfils protocols.dialect.Dialect, NamingDialect and NumberingDialect."""

    name = "zrc"

    def __init__(
        self,
        profile: ZrcProfile,
        read_text: Callable[[str], str],
        wall_ms: Callable[[], int],
        tables: Shared[ReadBack] | None = None,
    ) -> None:
        """`tables`: what lines read back together; None for a line alone."""
        self.profile = profile
        self.rules = Rules(profile, read_text, wall_ms, tables)

    @property
    def line_names(self) -> Collection[str]:
        return (self.rules.line_name,)

    @property
    def number_scope(self) -> str:
        return f"発信通番 of bank {self.profile.telegram.own_bank}"

    @property
    def numbers(self) -> tuple[int, int]:
        return self.profile.telegram.serial_first, self.profile.telegram.serial_last

    @property
    def answers_on_new_link(self) -> bool:
        return False  # a logical ACK belongs to the connection on which its message came

    @property
    def refusal_ends_message(self) -> bool:
        return False  # after a logical NAK the center sends the same telegram again

    def new_dialogue(self) -> Dialogue:
        return ZrcDialogue(self.rules)

    def to_request(self, message: object, received: Received) -> Request | Refusal:
        if not isinstance(message, InwardTelegram):
            return Refusal.INTERNAL
        rules = self.rules
        own = self.profile.telegram.own_bank
        return to_request(message.telegram, received, rules.subjects, own, rules.gate.reference)

    def to_reply(self, message: object, answer: Answer, wall_ms: int) -> Reply:
        """TAKEN lets the logical ACK go. Anything else is a reason to refuse or to park, by its name."""
        if isinstance(answer, Taken):
            return Reply(Verdict.APPROVE, TAKEN_CODE)
        return Reply(Verdict.DECLINE, answer.value if isinstance(answer, Refusal) else Refusal.INTERNAL.value)


class ZrcKit:
    """Fulfils protocols.dialect.DialectKit, SharingKit (lines of one bank must not share numbers) and RememberingKit (a number
    is durable before its first byte)."""

    name = "zrc"
    answers_questions: Literal[True] = True
    why_silent = (
        "one message is no conversation on an RC line: both sides count from 開局 on, and a stranger's message would leave the "
        "line in FAULT against its center. To say something to the center: relay outbound post (docs/protocol-zengin.md)"
    )

    def __init__(self) -> None:
        self._tables: Shared[ReadBack] = Shared()

    @property
    def profile_model(self) -> type:
        return ZrcProfile

    def build(self, profile: object, read_text: Callable[[str], str], wall_ms: Callable[[], int]) -> ZrcDialect:
        if not isinstance(profile, ZrcProfile):
            raise LocalMisuse("a ZrcProfile", "profile")
        return ZrcDialect(profile, read_text, wall_ms, self._tables)

    def clashes(self, profiles: Sequence[object]) -> Sequence[tuple[int, str, str]]:
        """Two lines with one number, or with 発信通番 in common: then the center would see two telegrams as one."""
        found: list[tuple[int, str, str]] = []
        earlier: list[ZrcProfile] = []
        for n, profile in enumerate(profiles):
            if not isinstance(profile, ZrcProfile):
                continue
            line, telegram = profile.line, profile.telegram
            for other in earlier:
                if (line.physical, line.logical) == (other.line.physical, other.line.logical):
                    found.append((n, "line.logical", f"another link is line {line.physical:02}-{line.logical:02} already"))
                their = other.telegram
                overlaps = telegram.serial_first <= their.serial_last and their.serial_first <= telegram.serial_last
                if telegram.own_bank == their.own_bank and overlaps:
                    problem = f"発信通番 {their.serial_first} to {their.serial_last} belong to another line already"
                    found.append((n, "telegram.serial_first", problem))
            earlier.append(profile)
        return found


ZRC = ZrcKit()
