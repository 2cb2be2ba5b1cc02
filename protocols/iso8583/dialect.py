"""ISO 8583 behind the dialect port: one profile compiled into codec, rules and translation.

Owns `Iso8583Dialect`, the kit that `protocols.dialects` lists, and the two short ways for those who hold no configuration file
(`default_profile`, `build_dialect`). It must never read a file: overlays come as text by name. The trap: everything that can be
wrong with a profile must be found here, at start, with its path; after this, only peers are to blame.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import msgspec

from protocols.dialect import Dialogue
from protocols.errors import LocalMisuse
from protocols.iso8583.codec import Codec, compile_codec
from protocols.iso8583.dialogue import Iso8583Dialogue
from protocols.iso8583.hooks import Hooks
from protocols.iso8583.message import IsoMessage
from protocols.iso8583.overlay import parse_overlay
from protocols.iso8583.profile import Iso8583Profile
from protocols.iso8583.replies import compile_to_reply
from protocols.iso8583.rules import LinkRules
from protocols.iso8583.speaker import Speaker
from protocols.iso8583.spec import Spec, load_spec
from protocols.iso8583.translate import compile_to_request
from protocols.vocabulary import Answer, Received, Refusal, Reply, Request

NO_HOOKS = Hooks()
HOW_TO_ATTACH = 'name one with hooks = "package.module:attribute"'


class Iso8583Dialect:
    """Fulfils protocols.dialect.Dialect. `codec`, `speaker` and `rules` are shared by every link of the listener."""

    name = "iso8583"

    def __init__(self, profile: Iso8583Profile, spec: Spec, wall_ms: Callable[[], int], hooks: Hooks = NO_HOOKS) -> None:
        if profile.mac == "required" and hooks.mac is None:
            raise LocalMisuse(f"required, but no MAC hook is attached; {HOW_TO_ATTACH}", "mac")
        if profile.session.key_exchange == "hook" and hooks.key_exchange is None:
            raise LocalMisuse(f"hook, but none is attached; {HOW_TO_ATTACH}", "session.key_exchange")
        self.profile = profile
        self.codec: Codec = compile_codec(spec)
        self.speaker = Speaker(self.codec, profile.all_framing(), hooks.mac if profile.mac == "required" else None)
        key_exchange = hooks.key_exchange if profile.session.key_exchange == "hook" else None
        self.rules = LinkRules(profile, self.speaker, wall_ms, key_exchange)
        self._to_request = compile_to_request(profile)
        self._to_reply = compile_to_reply(profile, spec)

    @property
    def answers_on_new_link(self) -> bool:
        return self.profile.answers_on_new_link

    @property
    def refusal_ends_message(self) -> bool:
        return True

    def new_dialogue(self) -> Dialogue:
        return Iso8583Dialogue(self.rules)

    def to_request(self, message: object, received: Received) -> Request | Refusal:
        if not isinstance(message, IsoMessage):
            return Refusal.INTERNAL
        return self._to_request(message, received)

    def to_reply(self, message: object, answer: Answer, wall_ms: int) -> Reply:
        if not isinstance(message, IsoMessage):
            raise LocalMisuse("an IsoMessage, as it came in Ask", "message")
        return self._to_reply(message, answer, wall_ms)


class Iso8583Kit:
    """Fulfils protocols.dialect.DialectKit and protocols.hookedkit.HookedKit."""

    name = "iso8583"

    @property
    def profile_model(self) -> type:
        return Iso8583Profile

    def build(self, profile: object, read_text: Callable[[str], str], wall_ms: Callable[[], int]) -> Iso8583Dialect:
        if not isinstance(profile, Iso8583Profile):
            raise LocalMisuse("an Iso8583Profile", "profile")
        return build_dialect(profile, read_text, wall_ms)

    @property
    def hooks_type(self) -> type:
        return Hooks

    def hooks_named(self, profile: object) -> str:
        return profile.hooks if isinstance(profile, Iso8583Profile) else ""

    def build_hooked(
        self, profile: object, read_text: Callable[[str], str], wall_ms: Callable[[], int], hooks: object
    ) -> Iso8583Dialect:
        if not isinstance(profile, Iso8583Profile):
            raise LocalMisuse("an Iso8583Profile", "profile")
        return build_dialect(profile, read_text, wall_ms, usable(hooks, profile))


ISO8583 = Iso8583Kit()


def default_profile(**overrides: object) -> Iso8583Profile:
    """A profile from keyword arguments, in the shape of a configuration file. Raises pydantic.ValidationError."""
    return Iso8583Profile.model_validate(overrides)


def build_dialect(
    profile: Iso8583Profile, read_text: Callable[[str], str], wall_ms: Callable[[], int], hooks: Hooks = NO_HOOKS
) -> Iso8583Dialect:
    """Compile a profile. `read_text(name)` gives an overlay's TOML text; `wall_ms` is UTC epoch milliseconds.

    Raises LocalMisuse naming the profile path at fault.
    """
    return Iso8583Dialect(profile, spec_of(profile, read_text), wall_ms, hooks)


def usable(hooks: object, profile: Iso8583Profile) -> Hooks:
    """The hooks that a configuration attaches. Raises LocalMisuse where they are none, or where nothing would ask them: a bank
    that attaches a MAC and forgets `mac = "required"` would believe that it is checked."""
    if not isinstance(hooks, Hooks):
        raise LocalMisuse("expected protocols.iso8583.hooks.Hooks", "hooks")
    if profile.mac == "none" and profile.session.key_exchange == "refuse":
        raise LocalMisuse('nothing asks them: set mac = "required" or session.key_exchange = "hook"', "hooks")
    mac = hooks.mac
    if isinstance(mac, type):
        raise LocalMisuse(f"mac is the class {mac.__name__}, expected an instance of it", "hooks")
    if mac is not None and not all(callable(getattr(mac, method, None)) for method in ("check", "compute")):
        raise LocalMisuse("mac lacks check or compute", "hooks")
    if hooks.key_exchange is not None and not callable(hooks.key_exchange):
        raise LocalMisuse("key_exchange cannot be called", "hooks")
    return hooks


def spec_of(profile: Iso8583Profile, read_text: Callable[[str], str]) -> Spec:
    """The wire layout that a profile names: its version and encoding, its overlays one on the other. Raises LocalMisuse."""
    merged: dict[str, object] = {}
    for name in profile.overlays:
        merged = laid_over(merged, parse_overlay(read_text(name)))
    merged = laid_over(merged, profile.overlay)
    try:
        return load_spec(profile.version, profile.encoding, merged)
    except LocalMisuse as problem:
        raise LocalMisuse(problem.problem, f"overlay.{problem.path}") from problem


def laid_over(below: Mapping[str, object], above: Mapping[str, object]) -> dict[str, object]:
    """Two overlays as one: tables are merged, `masked` lists are joined, anything else above wins."""
    merged = dict(below)
    for key, value in above.items():
        under = merged.get(key)
        if isinstance(under, Mapping) and isinstance(value, Mapping):
            merged[key] = laid_over(msgspec.convert(under, dict[str, object]), msgspec.convert(value, dict[str, object]))
        elif isinstance(under, list) and isinstance(value, list):
            merged[key] = [*under, *value]
        else:
            merged[key] = value
    return merged
