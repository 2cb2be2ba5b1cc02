"""The profile refuses, at start, what would be found at the notes."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from protocols.ndc import defaults
from protocols.ndc.dialect import default_profile


def test_the_defaults_hang_together() -> None:
    profile = default_profile()
    assert profile.all_framing().length == "binary"
    assert profile.all_kinds()["withdrawal"].completion


@pytest.mark.parametrize(
    ("overrides", "part"),
    [
        ({"framing": "pigeon"}, "pigeon"),
        ({"configs": {"0001": {"operations": {"AAAAAAAA": {"kind": "gift"}}}}}, 'kind "gift"'),
        ({"configs": {"0001": {"operations": {"AAAAAAAA": {"kind": "withdrawal", "reply": "x"}}}}}, "no reply row"),
        ({"configs": {"0001": {"operations": {"AAAAAAAA": {"kind": "withdrawal", "amount": "fixed"}}}}}, "fixed_minor"),
        ({"configs": {"0001": {"operations": {"EEEEEEEE": {"kind": "withdrawal"}}}}}, "operations"),
        ({"configs": {"*": {"replies": {"insufficient-funds": {"function": "2", "next_state": "125"}}}}}, "is no approval"),
        ({"configs": {"*": {"replies": {"decline": {"function": "A", "next_state": "125"}}}}}, "is no approval"),
        ({"configs": {"*": {"replies": {"recovery": {"function": "8", "next_state": "125"}}}}}, "is no approval"),
        ({"configs": {"*": {"replies": {"x": {"function": "z", "next_state": "125"}}}}}, "function"),
        ({"configs": {"*": {"replies": {"x": {"next_state": "125", "prints": [{"text": "{pan}"}]}}}}}, "only amount"),
        ({"configs": {"*": {"replies": {"x": {"next_state": "125", "prints": [{"printer": "9", "text": ""}]}}}}}, "printer"),
        ({"configs": {"*": {"operations": {"AAAAAAAA": {"kind": "withdrawal", "reply": "decline"}}}}}, "and of nothing else"),
        ({"kinds": {"withdrawal": {"doubt": "undo"}}}, "without completion"),
        ({"kinds": {"deposit": {"doubt": "undo", "completion": True}}}, "never undone"),
        ({"kinds": {"withdrawal": {"completion": True}}}, "doubt"),
        ({"load": "branch"}, "set config_id"),
        ({"tsn_range": [5_000, 4_999]}, "tsn_range"),
        ({"tsn_range": [0, 4_999]}, "tsn_range"),
        ({"currency": "ZZZ"}, "ZZZ"),
        ({"frame_bytes_max": 100}, "frame_bytes_max"),
        ({"notes_max": 100}, "notes_max"),
        ({"denominations": []}, "denominations"),
        ({"nonsense": 1}, "nonsense"),
    ],
)
def test_what_cannot_be_is_refused(overrides: dict[str, object], part: str) -> None:
    with pytest.raises(ValidationError) as caught:
        default_profile(**overrides)
    assert part in str(caught.value)


def test_a_constant_header_is_part_of_the_framing() -> None:
    framing = default_profile(header_hex="6000", framing="binary2-inclusive", frame_bytes_max=512).all_framing()
    assert (framing.header_bytes, framing.default_header, framing.inclusive, framing.max_bytes) == (2, b"\x60\x00", True, 512)


def test_every_refusal_of_the_relay_has_something_to_say() -> None:
    assert defaults.DECLINE in default_profile().all_replies("*")
