"""branch-p1 behind the dialect port: one profile compiled into codec, rules and translation.

Owns `BranchDialect`, the kit that `protocols.dialects` lists, and the short ways for those who hold no configuration file. It
must never read a file: overlays come as text by name. The trap: everything that can be wrong with a profile must be found
here, at start, with its path.
"""

from __future__ import annotations

from collections.abc import Callable

from protocols.branch.codec import Codec
from protocols.branch.dialogue import BranchDialogue
from protocols.branch.frame import branch_framing
from protocols.branch.hooks import Hooks, mac_of
from protocols.branch.keys import DIALECT
from protocols.branch.message import BranchMessage
from protocols.branch.overlay import tables_of
from protocols.branch.profile import BranchProfile
from protocols.branch.replies import compile_to_reply
from protocols.branch.rules import LinkRules
from protocols.branch.saying import BranchSaying
from protocols.branch.translate import compile_to_request
from protocols.characters import Characters
from protocols.dialect import Dialect, Dialogue
from protocols.errors import LocalMisuse
from protocols.saying import Conversation, Wish
from protocols.vocabulary import Answer, Received, Refusal, Reply, Request

NO_HOOKS = Hooks()


class BranchDialect:
    """Fulfils protocols.dialect.Dialect. `codec` and `rules` are shared by every link of the listener."""

    name = DIALECT

    def __init__(
        self, profile: BranchProfile, read_text: Callable[[str], str], wall_ms: Callable[[], int], hooks: Hooks = NO_HOOKS
    ) -> None:
        mac = (hooks.mac or mac_of(profile.mac_keys, read_text)) if profile.mac == "required" else None
        if profile.mac == "required" and mac is None:
            raise LocalMisuse("required, but there are no mac_keys, and no MAC hook is attached", "mac")
        self.profile = profile
        operations = profile.all_operations()
        self.codec = Codec(
            tables_of(profile.overlays, profile.overlay, read_text),
            {code: rule.body for code, rule in operations.items()},
            Characters(profile.characters),
            branch_framing(profile.frame_bytes_max),
            mac,
        )
        self.rules = LinkRules(profile, self.codec, wall_ms)
        self._to_request = compile_to_request(profile)
        self._to_reply = compile_to_reply(profile)

    line_names = ()  # each terminal brings its own

    @property
    def answers_on_new_link(self) -> bool:
        return self.profile.answers_on_new_link

    @property
    def refusal_ends_message(self) -> bool:
        return False  # a number that nobody decided about is sent again

    def new_dialogue(self) -> Dialogue:
        return BranchDialogue(self.rules)

    def to_request(self, message: object, received: Received) -> Request | Refusal:
        if not isinstance(message, BranchMessage):
            return Refusal.INTERNAL
        return self._to_request(message, received)

    def to_reply(self, message: object, answer: Answer, wall_ms: int) -> Reply:
        if not isinstance(message, BranchMessage):
            raise LocalMisuse("a BranchMessage, as it came in Ask", "message")
        return self._to_reply(message, answer, wall_ms)


class BranchKit:
    """Fulfils protocols.dialect.DialectKit, protocols.hookedkit.HookedKit and protocols.saying.SpeakingKit."""

    name = DIALECT

    @property
    def profile_model(self) -> type:
        return BranchProfile

    def build(self, profile: object, read_text: Callable[[str], str], wall_ms: Callable[[], int]) -> BranchDialect:
        if not isinstance(profile, BranchProfile):
            raise LocalMisuse("a BranchProfile", "profile")
        return BranchDialect(profile, read_text, wall_ms)

    @property
    def hooks_type(self) -> type:
        return Hooks

    def hooks_named(self, profile: object) -> str:
        return profile.hooks if isinstance(profile, BranchProfile) else ""

    def build_hooked(
        self, profile: object, read_text: Callable[[str], str], wall_ms: Callable[[], int], hooks: object
    ) -> BranchDialect:
        if not isinstance(profile, BranchProfile):
            raise LocalMisuse("a BranchProfile", "profile")
        return BranchDialect(profile, read_text, wall_ms, usable(hooks, profile))

    def conversation(self, dialect: Dialect, wish: Wish) -> Conversation:
        if not isinstance(dialect, BranchDialect):
            raise LocalMisuse("a BranchDialect", "dialect")
        return BranchSaying(dialect.rules, wish)


BRANCH = BranchKit()


def usable(hooks: object, profile: BranchProfile) -> Hooks:
    """The hooks that a configuration attaches. Raises LocalMisuse where they are none, or where nothing would ask them."""
    if not isinstance(hooks, Hooks):
        raise LocalMisuse("expected protocols.branch.hooks.Hooks", "hooks")
    if profile.mac == "none" or hooks.mac is None:
        raise LocalMisuse('nothing asks them: set mac = "required", and let them have a mac', "hooks")
    if profile.mac_keys:
        raise LocalMisuse("either hooks or mac_keys; with both, nobody could say which of them is asked", "hooks")
    if isinstance(hooks.mac, type) or not callable(getattr(hooks.mac, "compute", None)):
        raise LocalMisuse("mac is no object with a method compute", "hooks")
    return hooks


def default_profile(**overrides: object) -> BranchProfile:
    """A profile from keyword arguments, in the shape of a configuration file. Raises pydantic.ValidationError."""
    return BranchProfile.model_validate(overrides)


def build_dialect(profile: BranchProfile, wall_ms: Callable[[], int], hooks: Hooks = NO_HOOKS) -> BranchDialect:
    """Compile a profile without overlay files. Raises LocalMisuse naming the profile path at fault."""
    return BranchDialect(profile, lambda name: "", wall_ms, hooks)
