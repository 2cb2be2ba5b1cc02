"""The parked value keeps every byte."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocols.zengin.session import parked as p


@given(st.binary(max_size=400), st.text(max_size=40))
def test_what_is_parked_comes_back(body: bytes, reason: str) -> None:
    kept = p.Parked(line="01-01", lcn=0, sequence=7, day="20261126", wall_ms=1, reason=reason, body=body)
    assert p.unpack(p.pack(kept)) == kept


def test_names_and_garbage() -> None:
    assert p.name_of("20261126", 3, 12) == "parked/20261126-03-12"
    with pytest.raises(msgspec.MsgspecError):
        p.unpack(b"\xc1")
