"""The kit: what the relay builds a listener from, and what is refused at start."""

from __future__ import annotations

import pytest

from protocols.dialect import Dialect, DialectKit
from protocols.dialects import DIALECTS
from protocols.errors import LocalMisuse
from protocols.hookedkit import HookedKit
from protocols.ndc.dialect import NDC as KIT
from protocols.ndc.dialect import build_dialect, default_profile
from protocols.ndc.hooks import Hooks, KeyStep
from protocols.ndc.profile import NdcProfile
from protocols.relatingkit import LinkFacts, RelatingKit
from protocols.vocabulary import Received, Refusal
from tests.support.ndcplay import LOAD, NDC, WALL_MS


def test_it_is_on_the_list() -> None:
    kit: DialectKit = KIT
    assert DIALECTS["ndc"] is kit
    assert kit.profile_model is NdcProfile


def test_it_fulfils_the_port() -> None:
    dialect: Dialect = KIT.build(default_profile(), lambda name: LOAD, lambda: WALL_MS)
    assert (dialect.name, dialect.answers_on_new_link) == ("ndc", False)
    assert not dialect.new_dialogue().is_signed_on


def test_a_load_for_another_configuration_is_refused() -> None:
    with pytest.raises(LocalMisuse) as caught:
        build_dialect(default_profile(config_id="0002", load="x"), lambda name: LOAD, lambda: WALL_MS)
    assert caught.value.path == "load"


def test_what_is_not_ours_is_our_mistake_never_the_peers() -> None:
    assert NDC.to_request("text", Received(WALL_MS, "ndc", "bank")) is Refusal.INTERNAL
    with pytest.raises(LocalMisuse):
        NDC.to_reply("text", Refusal.INTERNAL, WALL_MS)
    with pytest.raises(LocalMisuse):
        KIT.build("text", lambda name: LOAD, lambda: WALL_MS)


class Mac:
    def check(self, terminal: str, covered: bytes, mac: str) -> bool:
        return mac == self.compute(terminal, covered)

    def compute(self, terminal: str, covered: bytes) -> str:
        return f"{sum(covered):08X}"


def key_loads(terminal: str) -> list[KeyStep]:
    return [KeyStep("4", "2", "0300")]


def test_the_kit_takes_hooks_that_a_configuration_names() -> None:
    assert isinstance(KIT, HookedKit)
    assert KIT.hooks_type is Hooks
    profile = default_profile(security={"replies": True}, hooks="bank.ndc:HOOKS")
    assert (KIT.hooks_named(profile), KIT.hooks_named(default_profile())) == ("bank.ndc:HOOKS", "")
    dialect = KIT.build_hooked(profile, lambda name: LOAD, lambda: WALL_MS, Hooks(Mac(), key_loads))
    assert dialect.rules.hooks.key_loads("T") == (KeyStep("4", "2", "0300"),)
    with pytest.raises(LocalMisuse, match="no MAC hook is attached"):
        KIT.build(profile, lambda name: LOAD, lambda: WALL_MS)
    with pytest.raises(LocalMisuse, match="profile"):
        KIT.build_hooked({}, lambda name: LOAD, lambda: WALL_MS, Hooks(Mac()))


@pytest.mark.parametrize(
    ("hooks", "profile", "problem"),
    [
        (Mac(), {"security": {"replies": True}}, "expected protocols.ndc.hooks.Hooks"),
        (Hooks(), {}, "neither mac nor key_loads"),
        (Hooks(Mac()), {}, "nothing asks its mac"),
        (Hooks(Mac(), key_loads), {}, "nothing asks its mac"),
        (Hooks(Mac), {"security": {"replies": True}}, "the class Mac"),  # type: ignore[arg-type]  # the mistake that is tested
        (Hooks("mac"), {"security": {"loads": True}}, "lacks check or compute"),  # type: ignore[arg-type]  # the same
        (Hooks(key_loads=7), {}, "cannot be called"),  # type: ignore[arg-type]  # the same
        (Hooks(key_loads=key_loads), {"security": {"requests": True}}, "no MAC hook is attached"),
    ],
)
def test_hooks_that_cannot_be_used_are_refused_at_start(hooks: object, profile: dict[str, object], problem: str) -> None:
    with pytest.raises(LocalMisuse, match=problem):
        KIT.build_hooked(default_profile(**profile), lambda name: LOAD, lambda: WALL_MS, hooks)


@pytest.mark.parametrize(
    ("reply_ms", "completion_ms", "paths"),
    [
        (29_999, 90_000, []),
        (30_000, 90_000, ["session.reply_window_ms"]),
        (29_999, 89_999, ["session.status_wait_ms"]),
        (60_000, 1, ["session.reply_window_ms", "session.status_wait_ms"]),
    ],
)
def test_the_window_and_the_wait_must_fit_the_link(reply_ms: int, completion_ms: int, paths: list[str]) -> None:
    assert isinstance(KIT, RelatingKit)
    found = KIT.relations(default_profile(), LinkFacts(reply_deadline_ms=reply_ms, completion_deadline_ms=completion_ms))
    assert [one.path for one in found] == paths
    assert [one.is_warning for one in found] == [path == "session.status_wait_ms" for path in paths]
