"""The layout of a telegram: offsets as in the profile, widths as set, and what cannot be set."""

from __future__ import annotations

import pytest

from protocols.errors import LocalMisuse
from protocols.zengin.telegram.fields import TELEGRAM_BYTES_MAX, build_layouts


def test_the_profile_is_320_bytes_with_the_published_offsets() -> None:
    layouts = build_layouts({})
    business = layouts.business
    assert business.length == layouts.control.length == 320
    offsets = {field.name: field.offset for field in business.fields}
    wanted = {"subject": 2, "date": 22, "serial": 44, "amount": 78, "account": 97, "beneficiary": 104, "remarks": 230}
    assert {name: offsets[name] for name in wanted} == wanted
    assert (offsets["result"], offsets["reserve"]) == (278, 282)
    assert layouts.control.field("result").offset == 278, "a result code is where it is in every telegram"


def test_a_width_is_a_setting_and_moves_what_follows() -> None:
    layouts = build_layouts({"serial": 8})
    assert layouts.head.field("center_serial").offset == 52
    assert layouts.business.length == layouts.control.length == 322


def test_what_cannot_be_set_says_why() -> None:
    with pytest.raises(LocalMisuse, match="expected names"):
        build_layouts({"colour": 3})
    with pytest.raises(LocalMisuse, match="1 to 999"):
        build_layouts({"serial": 0})
    with pytest.raises(LocalMisuse, match="more than the details have"):
        build_layouts({"beneficiary": 1, "remitter": 1, "remarks": 1, "total": 15})
    wide = dict.fromkeys(("beneficiary", "remitter", "remarks", "edi", "reserve"), 900)
    with pytest.raises(LocalMisuse, match=str(TELEGRAM_BYTES_MAX)):
        build_layouts(wide)
