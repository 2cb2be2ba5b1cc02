"""The contract's structures: what a stored message says, and what is left out."""

from __future__ import annotations

import msgspec

from relay.journal.outbound import OutboundState
from relay.outbound import contract as c
from tests.support.outboundworld import OutboundWorld


def test_every_stored_state_has_its_word() -> None:
    world = OutboundWorld()
    world.posted("k1", body=b'{"data":"SECRET"}')
    stored = world.stored("k1")
    for state in OutboundState:
        moved = msgspec.structs.replace(stored, state=state, reported=state, detail="x" * 3_000)
        said = c.status_of(moved)
        assert said.state == state.value
        assert said.is_reported
        assert len(said.detail) == 2_000
        assert b"SECRET" not in msgspec.json.encode(said)


def test_a_request_without_members() -> None:
    request = msgspec.json.decode(b'{"listener":"atm","kind":"echo"}', type=c.OutboundRequest)
    assert (request.line, bytes(request.body)) == ("", b"{}")
