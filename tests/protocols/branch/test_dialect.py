"""The dialect behind the port: built from a profile, refused at start with a path."""

import pytest

from protocols.branch.dialect import BRANCH, default_profile, usable
from protocols.branch.hooks import HmacMac, Hooks
from protocols.errors import LocalMisuse
from protocols.framing import Frame
from protocols.hookedkit import HookedKit
from protocols.vocabulary import Approved, Received, Refusal
from tests.support.branchlink import BRANCH_P1, make_branch, withdrawal


@pytest.mark.parametrize(
    ("profile", "path"),
    [
        ({"mac": "required"}, "mac"),
        ({"operations": {"09001": {"kind": "x", "body": "nowhere", "doubt": "hold"}}}, "operations"),
        ({"overlay": {"bodies": {"deposit": [{"name": "a", "type": "N", "length": 0}]}}}, "overlay.bodies.deposit.a"),
        ({"overlay": {"header": [{"name": "version", "type": "N", "length": 2}]}}, "overlay.header"),
        ({"characters": {"places": {"ab": "41"}}}, "characters.places.ab"),
    ],
)
def test_what_is_wrong_with_a_profile_is_found_at_start(profile: dict, path: str) -> None:
    with pytest.raises(LocalMisuse) as caught:
        BRANCH.build(default_profile(**profile), lambda name: "", lambda: 0)
    assert caught.value.path == path


def test_overlays_come_by_name() -> None:
    text = '[bodies]\ndeposit = [{name = "amount", type = "N", length = 11}]\n'
    built = BRANCH.build(default_profile(overlays=["own"]), {"own": text}.__getitem__, lambda: 0)
    assert built.codec.framing.max_bytes == 4_096


def test_the_kit_takes_only_its_own_profile() -> None:
    with pytest.raises(LocalMisuse):
        BRANCH.build(object(), lambda name: "", lambda: 0)


def test_messages_of_others_are_not_ours() -> None:
    assert BRANCH_P1.to_request("x", Received(0, "l", "r")) is Refusal.INTERNAL
    with pytest.raises(LocalMisuse):
        BRANCH_P1.to_reply("x", Approved(), 0)


def test_a_hook_is_used_when_the_profile_asks_for_it() -> None:
    hooks = Hooks(HmacMac({"0001": b"k" * 16}))
    assert make_branch(hooks, mac="required").codec is not None
    assert make_branch(answers_on_new_link=False).answers_on_new_link is False


class SumMac:
    """Not authentication: eight bytes that depend on all others."""

    def compute(self, key_version: str, covered: bytes) -> bytes | None:
        return sum(covered).to_bytes(8, "big") if key_version == "0007" else None


class ShortMac:
    def compute(self, key_version: str, covered: bytes) -> bytes | None:
        return b"four"


def test_the_kit_takes_hooks_that_a_configuration_names() -> None:
    assert isinstance(BRANCH, HookedKit)
    assert BRANCH.hooks_type is Hooks
    profile = default_profile(mac="required", hooks="bank.branch:HOOKS")
    assert (BRANCH.hooks_named(profile), BRANCH.hooks_named(default_profile())) == ("bank.branch:HOOKS", "")
    codec = BRANCH.build_hooked(profile, lambda name: "", lambda: 0, Hooks(SumMac())).codec
    assert codec.read(Frame(b"", codec.write(withdrawal(1, key_version="0007"))[4:])).serial == 1
    with pytest.raises(LocalMisuse):
        codec.write(withdrawal(1, key_version="0008"))
    with pytest.raises(LocalMisuse):
        BRANCH.build_hooked(object(), lambda name: "", lambda: 0, Hooks(SumMac()))


@pytest.mark.parametrize(
    ("hooks", "profile", "problem"),
    [
        (SumMac(), {"mac": "required"}, "expected protocols.branch.hooks.Hooks"),
        (Hooks(SumMac()), {}, "nothing asks them"),
        (Hooks(), {"mac": "required"}, "nothing asks them"),
        (Hooks(SumMac()), {"mac": "required", "mac_keys": {"0001": "x"}}, "either hooks or mac_keys"),
        (Hooks(SumMac), {"mac": "required"}, "no object"),  # type: ignore[arg-type]  # the mistake itself
    ],
)
def test_hooks_that_cannot_work_are_refused_at_start(hooks: object, profile: dict[str, object], problem: str) -> None:
    with pytest.raises(LocalMisuse, match=f"^hooks: .*{problem}"):
        usable(hooks, default_profile(hooks="bank.branch:HOOKS", **profile))


def test_a_code_of_another_length_is_never_believed_nor_written() -> None:
    codec = make_branch(Hooks(ShortMac()), mac="required").codec
    with pytest.raises(LocalMisuse):
        codec.write(withdrawal(1))
