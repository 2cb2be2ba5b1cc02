"""The constants of the headers agree with each other and with the published lengths."""

from __future__ import annotations

from protocols.zengin.session import fields as f


def test_lengths_and_sides() -> None:
    assert f.SUBLAYER_BYTES + f.BUSINESS_BYTES == 0x40
    assert f.LCN.stop == f.SEQUENCE_OFFSET
    assert f.SEQUENCE_OFFSET + f.SEQUENCE_BYTES + 30 == f.BUSINESS_BYTES
    assert f.other(f.HOST) is f.RC
    assert f.other(f.RC) is f.HOST
    assert (f.HOST.sublayer_id, f.HOST.business_id, f.RC.sublayer_id, f.RC.business_id) == (b"SUBJ", b"ZENJ", b"SUBZ", b"ZENZ")
