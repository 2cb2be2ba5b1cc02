"""NDC behind the dialect port: one profile compiled into rules and translation.

Owns `NdcDialect`, the kit that `protocols.dialects` lists, and the two short ways for those who hold no configuration file
(`default_profile`, `build_dialect`). It must never read a file: a load comes as text by name. The trap: everything that can
be wrong with a profile must be found here, at start, with its path; after this, only peers are to blame.
"""

from __future__ import annotations

from collections.abc import Callable

from protocols.dialect import Dialect, Dialogue
from protocols.errors import LocalMisuse
from protocols.ndc.asking import CashNotice, OpenedJournal, OpenedRequest
from protocols.ndc.dialogue import NdcDialogue
from protocols.ndc.hooks import NO_HOOKS, Hooks
from protocols.ndc.load import Load, parse_load
from protocols.ndc.profile import NdcProfile
from protocols.ndc.rules import LinkRules, show_amount
from protocols.ndc.saying import NdcSaying
from protocols.ndc.translate import compile_to_reply, compile_to_request
from protocols.saying import Conversation, Wish
from protocols.vocabulary import Answer, Received, Refusal, Reply, Request


class NdcDialect:
    """Fulfils protocols.dialect.Dialect. `rules` are shared by every link of the listener."""

    name = "ndc"
    # A reply belongs to the session that asked: the ATM forgets its request when the line breaks.
    answers_on_new_link = False

    def __init__(self, profile: NdcProfile, load: Load | None, wall_ms: Callable[[], int], hooks: Hooks = NO_HOOKS) -> None:
        self.profile = profile
        self.rules = LinkRules(profile, load, wall_ms, hooks)
        self._to_request = compile_to_request(self.rules.cash)
        self._to_reply = compile_to_reply(self.rules.tables, self.rules.cash, show_amount(self.rules.cash))

    def new_dialogue(self) -> Dialogue:
        return NdcDialogue(self.rules)

    def to_request(self, message: object, received: Received) -> Request | Refusal:
        if not isinstance(message, (OpenedRequest, OpenedJournal, CashNotice)):
            return Refusal.INTERNAL
        return self._to_request(message, received)

    def to_reply(self, message: object, answer: Answer, wall_ms: int) -> Reply:
        if not isinstance(message, (OpenedRequest, OpenedJournal, CashNotice)):
            raise LocalMisuse("what came in Ask", "message")
        return self._to_reply(message, answer)


class NdcKit:
    """Fulfils protocols.dialect.DialectKit."""

    name = "ndc"

    @property
    def profile_model(self) -> type:
        return NdcProfile

    def build(self, profile: object, read_text: Callable[[str], str], wall_ms: Callable[[], int]) -> NdcDialect:
        if not isinstance(profile, NdcProfile):
            raise LocalMisuse("an NdcProfile", "profile")
        return build_dialect(profile, read_text, wall_ms)

    def conversation(self, dialect: Dialect, wish: Wish) -> Conversation:
        if not isinstance(dialect, NdcDialect):
            raise LocalMisuse("an NdcDialect", "dialect")
        return NdcSaying(dialect.rules, wish)


NDC = NdcKit()


def default_profile(**overrides: object) -> NdcProfile:
    """A profile from keyword arguments, in the shape of a configuration file. Raises pydantic.ValidationError."""
    return NdcProfile.model_validate(overrides)


def build_dialect(
    profile: NdcProfile, read_text: Callable[[str], str], wall_ms: Callable[[], int], hooks: Hooks = NO_HOOKS
) -> NdcDialect:
    """Compile a profile. `read_text(name)` gives a load's TOML text; `wall_ms` is UTC epoch milliseconds.

    Raises LocalMisuse naming the profile path at fault.
    """
    load: Load | None = None
    if profile.load:
        load = parse_load(read_text(profile.load), profile.load_bytes_max)
        if load.config_id != profile.config_id:
            raise LocalMisuse(f"its configuration id is {load.config_id}, the wanted one {profile.config_id}", "load")
    return NdcDialect(profile, load, wall_ms, hooks)
