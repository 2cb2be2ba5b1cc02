"""The dialect behind the port: built from a profile, refused at start with a path."""

import pytest

from protocols.branch.dialect import BRANCH, default_profile
from protocols.branch.hooks import HmacMac, Hooks
from protocols.errors import LocalMisuse
from protocols.vocabulary import Approved, Received, Refusal
from tests.support.branchlink import BRANCH_P1, make_branch


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
