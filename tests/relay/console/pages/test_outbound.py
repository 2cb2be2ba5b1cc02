"""Messages of the core, and the one deed that fits the state of each."""

from __future__ import annotations

import re

import pytest

from relay.console.identity import Role
from relay.console.pages.outbound import STATES, outbound
from relay.control.report import OutboundListReport, OutboundRow
from tests.support.consoleroom import assert_page, frame


@pytest.mark.parametrize("state", STATES[1:])
def test_only_the_deed_that_fits(state: str) -> None:
    report = OutboundListReport(rows=(OutboundRow(key="<k>", listener="zengin", state=state, kind="telegram"),))
    made = outbound(frame("/outbound"), report, state, 5_000)
    assert_page(made)
    deeds = re.findall(r"/deed/([a-z-]+)\?key=%3Ck%3E", made)
    assert deeds == {"queued": ["outbound-cancel"], "unknown": ["outbound-settle"]}.get(state, [])
    assert "/deed/" not in outbound(frame("/outbound", Role.VIEWER), report, state, 5_000)


def test_nothing_and_a_state_that_a_newer_relay_has() -> None:
    assert_page(outbound(frame("/outbound", language="ja"), OutboundListReport(), "", 5_000))
    newer = OutboundListReport(rows=(OutboundRow(key="k", state="<new>"),))
    assert "&lt;new&gt;" in outbound(frame("/outbound"), newer, "", 5_000)
