"""NDC behind the dialect port: one profile compiled into rules and translation.

Owns `NdcDialect`, the kit that `protocols.dialects` lists, and the two short ways for those who hold no configuration file
(`default_profile`, `build_dialect`). It must never read a file: a load comes as text by name. The trap: everything that can
be wrong with a profile must be found here, at start, with its path; after this, only peers are to blame.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from protocols.dialect import Dialect, Dialogue
from protocols.errors import LocalMisuse
from protocols.ndc.asking import CashNotice, OpenedJournal, OpenedRequest
from protocols.ndc.dialogue import NdcDialogue
from protocols.ndc.hooks import NO_HOOKS, Hooks
from protocols.ndc.load import Load, parse_load
from protocols.ndc.profile import TSN_SPAN_MIN, NdcProfile
from protocols.ndc.rules import LinkRules, show_amount
from protocols.ndc.saying import NdcSaying
from protocols.ndc.serials import TSN_MAX
from protocols.ndc.translate import compile_to_reply, compile_to_request
from protocols.relatingkit import LinkFacts, Relation, SerialRange
from protocols.saying import Conversation, Wish
from protocols.vocabulary import Answer, Received, Refusal, Reply, Request


class NdcDialect:
    """Fulfils protocols.dialect.Dialect, and NamingDialect. `rules` are shared by every link of the listener."""

    name = "ndc"
    # A reply belongs to the session that asked: the ATM forgets its request when the line breaks.
    answers_on_new_link = False
    refusal_ends_message = True
    line_names = ()  # each ATM brings its own

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
    """Fulfils protocols.dialect.DialectKit, protocols.hookedkit.HookedKit and protocols.relatingkit.RelatingKit."""

    name = "ndc"

    @property
    def profile_model(self) -> type:
        return NdcProfile

    def build(self, profile: object, read_text: Callable[[str], str], wall_ms: Callable[[], int]) -> NdcDialect:
        if not isinstance(profile, NdcProfile):
            raise LocalMisuse("an NdcProfile", "profile")
        return build_dialect(profile, read_text, wall_ms)

    @property
    def hooks_type(self) -> type:
        return Hooks

    def hooks_named(self, profile: object) -> str:
        return profile.hooks if isinstance(profile, NdcProfile) else ""

    def build_hooked(
        self, profile: object, read_text: Callable[[str], str], wall_ms: Callable[[], int], hooks: object
    ) -> NdcDialect:
        if not isinstance(profile, NdcProfile):
            raise LocalMisuse("an NdcProfile", "profile")
        return build_dialect(profile, read_text, wall_ms, usable(hooks, profile))

    def relations(self, profile: object, facts: LinkFacts) -> Sequence[Relation]:
        """protocols.relatingkit.RelatingKit: the window in which a reply may leave, and the wait for its status."""
        if not isinstance(profile, NdcProfile):
            return ()
        found = []
        window_ms, status_ms = profile.session.reply_window_ms, profile.session.status_wait_ms
        if facts.reply_deadline_ms >= window_ms:
            found.append(
                Relation(
                    "session.reply_window_ms",
                    "reply_deadline_ms",
                    f"an approval may be decided after {facts.reply_deadline_ms} ms, but no reply leaves later than "
                    f"{window_ms} ms after its request: such a withdrawal would be debited and never paid",
                    f"more than {facts.reply_deadline_ms}, and less than the ATM's own response timer",
                )
            )
        if facts.completion_deadline_ms < status_ms:
            found.append(
                Relation(
                    "session.status_wait_ms",
                    "completion_deadline_ms",
                    f"the status of a reply is awaited for {status_ms} ms, but goes to the person's list after "
                    f"{facts.completion_deadline_ms} ms",
                    f"at most {facts.completion_deadline_ms}",
                    is_warning=True,
                )
            )
        first, last = profile.tsn_range
        if facts.is_paired and max(first - 1, TSN_MAX - last) <= TSN_SPAN_MIN:
            found.append(
                Relation(
                    "tsn_range",
                    "peer",
                    f"with {first} to {last} no serials are left for the other center, whose machines are the same: the number "
                    "of one center would prove something about the other's transaction",
                    "[1, 4_999] at one center and [5_000, 9_999] at the other; relay check --peer FILE compares the two files",
                )
            )
        return found

    def serials(self, profile: object) -> SerialRange | None:
        """protocols.relatingkit.SerialKit."""
        return SerialRange("tsn_range", *profile.tsn_range) if isinstance(profile, NdcProfile) else None

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


def usable(hooks: object, profile: NdcProfile) -> Hooks:
    """The hooks that a configuration attaches. Raises LocalMisuse where they are none, or where nothing would ask them: a bank
    that attaches a MAC and names no message for it would believe that it is checked."""
    if not isinstance(hooks, Hooks):
        raise LocalMisuse("expected protocols.ndc.hooks.Hooks", "hooks")
    security = profile.security
    wants_mac = security.requests or security.replies or security.loads
    if hooks.mac is None and hooks.key_loads is None:
        raise LocalMisuse("neither mac nor key_loads is given", "hooks")
    if hooks.mac is not None and not wants_mac:
        raise LocalMisuse("nothing asks its mac: set security.requests, security.replies or security.loads", "hooks")
    if isinstance(hooks.mac, type):
        raise LocalMisuse(f"mac is the class {hooks.mac.__name__}, expected an instance of it", "hooks")
    if hooks.mac is not None and not all(callable(getattr(hooks.mac, method, None)) for method in ("check", "compute")):
        raise LocalMisuse("mac lacks check or compute", "hooks")
    if hooks.key_loads is not None and not callable(hooks.key_loads):
        raise LocalMisuse("key_loads cannot be called", "hooks")
    return hooks
