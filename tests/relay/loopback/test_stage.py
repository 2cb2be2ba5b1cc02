"""The stage: a daemon serves, is killed, serves again as the next incarnation, drains; one that cannot start says why."""

from __future__ import annotations

import secrets
import socket
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from relay.bridge import drain
from relay.cli.reach import settings_of
from relay.core import contract as c
from relay.credentials import Credentials
from relay.errors import RelayError
from relay.journal.reader import JournalReader
from relay.loopback import inspector
from relay.loopback.customers import Customers
from relay.loopback.isotroupe import atm_site
from relay.loopback.ledger import Caller
from relay.loopback.stage import PORT_LOWEST, Stage, StageSettings, free_port
from relay.loopback.troupe import HOST, Site
from relay.reconcile.dates import Cutover

PORT = free_port()
SITE = atm_site(PORT, 1)


@pytest_asyncio.fixture
async def stage(tmp_path: Path) -> AsyncIterator[Stage]:
    made = Stage(tmp_path, StageSettings(), Customers(card_count=100), [SITE])
    yield made
    await made.stop()
    await drain(1_000)


@pytest.mark.timeout(400)
async def test_a_killed_daemon_comes_back_at_the_same_address_as_the_next_incarnation(stage: Stage) -> None:
    await stage.start()
    first = await inspector.status(stage.control_path)
    assert (first.state, first.incarnation) == ("serving", 1)
    await stage.kill_daemon()
    with pytest.raises(inspector.NotThere):
        await inspector.status(stage.control_path)
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection((HOST, PORT)).close()
    await stage.start_daemon()
    assert (await inspector.status(stage.control_path)).incarnation == 2
    socket.create_connection((HOST, PORT)).close()
    assert (stage.kills, stage.daemon_ended()) == (1, None)
    assert await stage.drain_daemon() == 0
    assert await stage.drain_daemon() == 0  # it has ended: nothing more to do


async def test_its_journal_can_be_read_with_its_configuration_alone(stage: Stage) -> None:
    """As `relay journal --config` of another terminal does: without the key every card would be a dash."""
    await stage.start()
    settings = settings_of(str(stage.config_path))
    key = Credentials(settings.relay.credentials_directory, {}).journal_key(settings.journal.key_credential)
    JournalReader(settings.journal.path, key).close()  # raises for a key that is not the journal's


async def test_a_daemon_that_cannot_start_says_why(stage: Stage) -> None:
    with socket.socket() as taken:
        taken.bind((HOST, 0))
        taken.listen()
        port = taken.getsockname()[1]
        stage.sites = [atm_site(port, 1)]
        with pytest.raises(RelayError, match="exit code"):
            await stage.start()
    assert str(port) in stage.last_words()


def test_refused_cards_are_refused_by_the_ledger(tmp_path: Path) -> None:
    customers = Customers(card_count=100)
    made = Stage(tmp_path, StageSettings(), customers, [])
    assert [card.refusal for card in customers.cards if card.refusal] == ["stolen-card", "expired-card", "incorrect-pin"]
    assert made.outbound_port != made.metrics_port
    assert made.last_words() == ""


def test_a_port_that_was_given_is_drawn_by_nobody_else_and_serves_the_daemon_again_and_again() -> None:
    """Two loads beside each other drew one port once: while one's relay was dead, its terminals talked to the other's."""
    first, second = free_port(), free_port()
    draws = iter([first - PORT_LOWEST, second - PORT_LOWEST, first - PORT_LOWEST])
    assert free_port(lambda count: next(draws, secrets.randbelow(count))) not in {first, second}
    assert not list(draws)
    for _ in range(2):  # as the daemon, which comes back at its port
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection((HOST, first)).close()
        with socket.create_server((HOST, first)):  # it sets SO_REUSEADDR
            socket.create_connection((HOST, first)).close()


async def test_the_core_files_a_message_under_the_day_that_the_relay_counts(stage: Stage) -> None:
    """Else `relay reconcile now` in the demo asks for everything by key, whenever it is another day in Japan."""
    await stage.start()
    found = settings_of(str(stage.config_path)).reconcile
    cutover = Cutover(found.cutover_minute, found.utc_offset_minutes)
    for hour in range(24):
        wall_ms = hour * 3_600_000
        asked = c.TransactionRequest(kind="deposit", channel="atm", realm="bank", terminal="ATM00001")
        stage.ledger.post(str(hour), asked, Caller("demo/1/1", "demo", 1, 1), wall_ms)
        assert list(stage.ledger.entries())[-1].business_date == cutover.date_at(wall_ms), hour


async def test_a_site_brings_its_secrets_and_files(stage: Stage) -> None:
    site = Site(
        config="# {directory} {links_max} {reply_deadline_ms}",
        address="",
        note="",
        credentials={"a": "b"},
        files={"x/y.toml": "z"},
    )
    stage.sites = [SITE, site]
    await stage.start()
    assert (stage.directory / "credentials" / "a").read_text() == "b"
    assert (stage.directory / "credentials" / "a").stat().st_mode & 0o077 == 0
    assert (stage.directory / "x" / "y.toml").read_text() == "z"
    assert stage.config_path.read_text().endswith(f"# {stage.directory} 20000 6000")
