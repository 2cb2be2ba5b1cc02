"""What a journal's server is told about its standby: only what changes it."""

from __future__ import annotations

from relay.loopback.lab.warden import statements


def test_who_streams_is_waited_for_and_who_does_not_is_not() -> None:
    assert "= 'standby'" in statements(True, None)
    assert "= ''" in statements(False, True)
    assert "pg_reload_conf" in statements(False, None)
    assert statements(True, True) == statements(False, False) == ""
