"""At three in the morning there is only ssh: whatever the console shows or does has a command that can be typed."""

from __future__ import annotations

import pytest

from relay.cli.registry import build_parser
from relay.console.deeds import DEEDS
from relay.console.rooms import Rooms

SIGNED = "--who Sato --why because"
BOTH = f"--second Kato {SIGNED}"
DONE_BY = {
    "saf-retry": f"saf retry KEY {SIGNED}",
    "resolve": f"saf resolve KEY {SIGNED}",
    "outbound-cancel": f"outbound cancel KEY {SIGNED}",
    "outbound-settle": f"outbound settle KEY --as acknowledged {SIGNED}",
    "reconcile-now": "reconcile now --date 2026-11-24",
    "reconcile-sign": f"reconcile sign 3 {SIGNED}",
    "drain-start": f"drain start --class atm {SIGNED}",
    "drain-abort": f"drain abort {SIGNED}",
    "region-block": f"region block atm {SIGNED}",
    "region-release": f"region release atm {SIGNED}",
    "region-pin": f"region pin osaka {BOTH}",
    "region-unpin": f"region unpin {SIGNED}",
    "announce-withdraw": f"announce withdraw {SIGNED}",
    "announce-resume": f"announce resume {SIGNED}",
    "announce-hand-back": f"announce hand-back {SIGNED}",
    "lease-take": f"lease take rc {BOTH}",
    "takeover-begin": f"takeover begin osaka {BOTH}",
    "takeover-finish": f"takeover finish {BOTH}",
    "reload": "control reload",
    "stop": "control drain --why because",
    "failover-declare": f"failover declare PLAN --role operations {SIGNED}",
    "failover-approve": f"failover approve 1 --seen 0123456789ab --role operations {SIGNED}",
    "failover-deny": f"failover deny 1 --role operations {SIGNED}",
    "failover-withdraw": f"failover withdraw 1 {SIGNED}",
    "failover-break-glass": f"failover break-glass 1 --seen 0123456789ab {SIGNED}",
    "failover-hold": f"failover hold {SIGNED}",
    "failover-resume": f"failover resume {SIGNED}",
    "failover-abort": f"failover abort {SIGNED}",
    "failover-escalate": f"failover escalate {SIGNED}",
    "failover-adopt": f"failover adopt {BOTH}",
    "failover-tick": f"failover step tick STEP --line 1 {SIGNED}",
    "failover-again": f"failover step again STEP {SIGNED}",
    "failover-by-hand": f"failover step by-hand STEP {BOTH}",
    "failover-waive": f"failover step waived STEP {BOTH}",
    "failover-say": f"failover say zengin {SIGNED}",
}
SHOWN_BY = {
    "/": "top",
    "/sessions": "top --pane sessions --find ATM --listener atm",
    "/traffic": "top --pane overview",
    "/owed": "saf list",
    "/owed/one": "saf show KEY",
    "/outbound": "outbound list",
    "/reports": "top --pane reports",
    "/reports/one": "reconcile report 3",
    "/journal": "journal search",
    "/journal/one": "journal show KEY",
    "/tables": "console tables",
    "/system": "status",
    "/audit": "console audit",
    "/failover": "top --pane failover",
}


def test_every_deed_and_every_page_has_one() -> None:
    assert not set(DEEDS) - set(DONE_BY), "a deed of the console has no command"
    rooms = Rooms(None, None, None)  # type: ignore[arg-type]  # only its table is looked at
    assert not set(rooms.table) - set(SHOWN_BY), "a page of the console has no command"


@pytest.mark.parametrize("typed", [*DONE_BY.values(), *SHOWN_BY.values()])
def test_it_can_be_typed(typed: str) -> None:
    words = typed.split()
    assert build_parser([words[0]]).parse_args(words).command == words[0]
