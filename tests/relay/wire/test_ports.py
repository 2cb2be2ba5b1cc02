"""The shared parts reach the links of a listener, and the ports fit those who fulfil them."""

from __future__ import annotations

from relay.exchange.desk import Desk
from relay.exchange.ports import LinkPort
from relay.journal.port import Journal
from relay.outbound.desk import Outbound
from relay.outbound.ports import OutboundLink
from relay.reconcile.statements import Statements
from relay.wire.counters import LinkCounters
from relay.wire.link import Link
from relay.wire.ports import DeskPort, LinkIds, OutboundPort, StatementPort, VariableStore, link_services
from tests.support.wireworld import WireWorld


def test_the_desk_the_journal_and_the_link_fit_their_ports() -> None:
    """Read by mypy; at run time it says only that the names are there."""

    def fits(
        desk: Desk, journal: Journal, link: Link, outbound: Outbound, statements: Statements
    ) -> tuple[DeskPort, VariableStore, LinkPort, OutboundLink, OutboundPort, StatementPort]:
        return desk, journal, link, link, outbound, statements

    assert callable(fits)
    for port, fulfils in ((DeskPort, Desk), (VariableStore, Journal), (LinkPort, Link), (OutboundLink, Link)):
        assert all(hasattr(fulfils, name) for name in vars(port) if not name.startswith("_"))


def test_services_are_what_the_relay_shares_and_what_the_listener_adds(world: WireWorld) -> None:
    counters = LinkCounters(world.metrics, "atm", world.time)
    facts = world.facts()
    services = link_services(world.parts, facts, counters, 7, is_dialled=True)
    assert services.desk is world.desk
    assert services.roster is world.roster
    assert services.listener is facts
    assert (services.pipelined_count_max, services.is_dialled) == (7, True)


def test_a_link_id_is_given_once_over_all_lives_and_centers() -> None:
    begun_ms = 0x1A19C4F8800
    lives = [LinkIds(center, incarnation, begun_ms) for center in ("tokyo", "osaka") for incarnation in (1, 2, 0x11)]
    lives.append(LinkIds("tokyo", 1, begun_ms + 60_000))  # a new journal after the old one was lost
    given = [ids() for ids in lives for _ in range(300)]
    assert len(set(given)) == 2_100
    assert given[0] == "tokyo-1a19c4f8800-1-1"
    assert max(map(len, given)) < 26, "a few bytes"
