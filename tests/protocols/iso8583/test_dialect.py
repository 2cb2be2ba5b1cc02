"""ISO 8583 behind the port: built from a profile, checked at start, and what it hands over."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from protocols.dialect import Dialect, DialectKit, Dialogue
from protocols.errors import LocalMisuse
from protocols.hookedkit import HookedKit
from protocols.iso8583.dialect import ISO8583, build_dialect, default_profile, laid_over, spec_of, usable
from protocols.iso8583.hooks import Hooks
from protocols.iso8583.profile import Iso8583Profile
from protocols.vocabulary import Approved, Refusal
from tests.support.isolink import WALL_MS, SumMac, framed, make_dialect, received, unframed, withdrawal

OVERLAYS = {
    "switch-a": 'masked = [48]\n[fields.48]\nmax = 100\n[fields.62]\nlength = "LLL"\nmax = 50\n',
    "switch-b": "masked = [62]\n[fields.62]\nmax = 60\n",
    "later": 'base = "1993"\n',
    "broken": "= nonsense",
    "wrong": '[fields.48]\nkind = "poem"\n',
}


def test_the_kit() -> None:
    assert isinstance(ISO8583, DialectKit)
    assert ISO8583.name == "iso8583"
    assert ISO8583.profile_model is Iso8583Profile
    dialect: Dialect = ISO8583.build(default_profile(), OVERLAYS.__getitem__, lambda: WALL_MS)
    assert dialect.name == "iso8583"
    assert dialect.answers_on_new_link
    dialogue: Dialogue = dialect.new_dialogue()
    assert dialogue is not dialect.new_dialogue()
    assert dialogue.is_idle
    with pytest.raises(LocalMisuse, match="profile"):
        ISO8583.build({"version": "1987"}, OVERLAYS.__getitem__, lambda: WALL_MS)


def test_overrides_of_the_default_profile_are_checked() -> None:
    assert default_profile(encoding="bcd").encoding == "bcd"
    with pytest.raises(ValidationError):
        default_profile(colour="blue")
    assert not make_dialect(answers_on_new_link=False).answers_on_new_link


def test_overlays_lie_on_each_other() -> None:
    profile = default_profile(overlays=["switch-a", "switch-b"], overlay={"fields": {"48": {"max": 120}}})
    spec = spec_of(profile, OVERLAYS.__getitem__)
    assert (spec.fields[48].max, spec.fields[62].max, spec.fields[62].length_digits) == (120, 60, 3)
    assert {48, 62} <= spec.masked


@pytest.mark.parametrize(("name", "problem"), [("later", "base"), ("broken", "TOML"), ("wrong", "overlay.fields.48.kind")])
def test_a_wrong_overlay_is_found_at_start(name: str, problem: str) -> None:
    with pytest.raises(LocalMisuse, match=problem):
        build_dialect(default_profile(overlays=[name]), OVERLAYS.__getitem__, lambda: WALL_MS)


def test_laid_over() -> None:
    below = {"a": {"x": 1, "y": 2}, "masked": [1], "b": 1}
    assert laid_over(below, {"a": {"y": 3, "z": 4}, "masked": [2], "b": {}}) == {
        "a": {"x": 1, "y": 3, "z": 4},
        "masked": [1, 2],
        "b": {},
    }
    assert below["a"] == {"x": 1, "y": 2}


def test_hooks_that_a_profile_needs() -> None:
    with pytest.raises(LocalMisuse, match="key_exchange"):
        make_dialect(session={"key_exchange": "hook"})


def test_the_kit_takes_hooks_that_a_configuration_names() -> None:
    assert isinstance(ISO8583, HookedKit)
    assert ISO8583.hooks_type is Hooks
    profile = default_profile(mac="required", hooks="bank.iso:HOOKS")
    assert (ISO8583.hooks_named(profile), ISO8583.hooks_named(default_profile())) == ("bank.iso:HOOKS", "")
    mac = SumMac()
    dialect = ISO8583.build_hooked(profile, OVERLAYS.__getitem__, lambda: WALL_MS, Hooks(mac))
    assert framed(dialect, withdrawal())
    assert len(mac.covered) == 1
    with pytest.raises(LocalMisuse, match=r"^mac: "):
        ISO8583.build(profile, OVERLAYS.__getitem__, lambda: WALL_MS)
    with pytest.raises(LocalMisuse, match="profile"):
        ISO8583.build_hooked({}, OVERLAYS.__getitem__, lambda: WALL_MS, Hooks(mac))


@pytest.mark.parametrize(
    ("hooks", "profile", "problem"),
    [
        (Hooks(SumMac()), {}, "nothing asks them"),
        (SumMac(), {"mac": "required"}, "expected protocols.iso8583.hooks.Hooks"),
        (Hooks(SumMac), {"mac": "required"}, "the class SumMac"),  # type: ignore[arg-type]  # the mistake that is tested
        (Hooks(key_exchange={}), {"session": {"key_exchange": "hook"}}, "cannot be called"),  # type: ignore[arg-type]  # as above
    ],
)
def test_hooks_that_cannot_work_are_refused_at_start(hooks: object, profile: dict[str, object], problem: str) -> None:
    with pytest.raises(LocalMisuse, match=f"^hooks: .*{problem}"):
        usable(hooks, default_profile(hooks="bank.iso:HOOKS", **profile))


def test_messages_of_another_dialect() -> None:
    iso = make_dialect()
    assert iso.to_request(b"NDC", received()) is Refusal.INTERNAL
    with pytest.raises(LocalMisuse):
        iso.to_reply(b"NDC", Approved(), WALL_MS)


@pytest.mark.parametrize("encoding", ["ascii", "bcd", "ebcdic"])
@pytest.mark.parametrize("framing", ["ascii4", "nac", "base24-tcp"])
def test_every_encoding_in_every_framing(encoding: str, framing: str) -> None:
    iso = make_dialect(encoding=encoding, framing=framing)
    back = unframed(iso, framed(iso, withdrawal()))
    assert back.fields == withdrawal().fields
