"""All clients of one process: an epoch begins for each, and what any of them has under way counts."""

from __future__ import annotations

from relay.core.clients import Clients
from tests.relay.core.builders import Bench


def test_what_another_center_s_client_has_under_way_counts_and_ends_with_the_rest() -> None:
    own, other = Bench(), Bench()
    clients = Clients(own.client)
    clients.add(other.client)
    other.submit()
    assert (own.client.count_below(9), clients.count_below(9)) == (0, 1)
    clients.end_below(9)
    assert clients.count_below(9) == 0


def test_an_epoch_begins_for_all_also_for_who_came_later() -> None:
    own, other = Bench(), Bench()
    clients = Clients(own.client)
    clients.epoch_began(8)
    clients.add(other.client)
    other.submit()
    assert other.door.renewed == 0
    clients.epoch_began(9)
    assert other.door.renewed == 1
    other.time.run(1_000)
    assert clients.count_below(9) == 0, "its calls have the same deadline"


def test_who_has_something_under_way_is_not_forgotten_and_who_has_not_is() -> None:
    own, busy, idle, last = Bench(), Bench(), Bench(), Bench()
    clients = Clients(own.client)
    clients.add(busy.client)
    busy.submit()
    for each in (idle, last):
        clients.add(each.client)
    assert clients.count_below(9) == 1
    clients.epoch_began(8)
    clients.epoch_began(9)
    assert (busy.door.renewed, idle.door.renewed, last.door.renewed) == (1, 0, 1)


def test_the_first_rise_of_a_life_in_which_nothing_was_posted_retires_the_connections_too() -> None:
    """A center that serves no terminal asks its region all the time, and its connections lead where the old epoch led."""
    own = Bench()
    clients = Clients(own.client, 8)
    own.client.region(8, 4_000, own.results.append)
    clients.epoch_began(8)
    assert own.door.renewed == 0
    clients.epoch_began(9)
    assert own.door.renewed == 1
