"""The parked value keeps every byte, and is found among a line's variables."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocols import parked as p


@given(st.binary(max_size=400), st.text(max_size=40))
def test_what_is_parked_comes_back(body: bytes, reason: str) -> None:
    kept = p.Parked(line="01-01", place="LCN 00 7", wall_ms=1, reason=reason, body=body)
    assert p.unpack(p.pack(kept)) == kept


def test_names_and_garbage() -> None:
    assert p.name_in("zrc-01-01/parked/20261126-03-12") == "parked/20261126-03-12"
    assert p.name_in("zrc-01-01/out") == ""
    with pytest.raises(msgspec.MsgspecError):
        p.unpack(b"\xc1")
