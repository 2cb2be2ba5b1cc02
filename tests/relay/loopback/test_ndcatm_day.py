"""A fake machine and a dialogue through thousands of visits, with every fault: what evidence settled is what the customer
took.
"""

from __future__ import annotations

import pytest

from relay.loopback.deeds import NdcPolicy
from tests.support.ndcworld import TERMINAL, NdcWorld

VISITS = 400
PEACE = NdcPolicy(
    short_share=0, none_share=0, unknown_share=0, purge_share=0, retract_share=0, power_cut_share=0, supervisor_share=0,
)  # fmt: skip
STORM = NdcPolicy(
    short_share=0.08, none_share=0.08, unknown_share=0.08, purge_share=0.06, retract_share=0.06, power_cut_share=0.1,
    supervisor_share=0.05, repeat_share=0.2,
)  # fmt: skip


def day(seed: int, policy: NdcPolicy, kill_share: float = 0.0) -> NdcWorld:
    world = NdcWorld(seed, policy, kill_share)
    world.run(VISITS)
    return world


def judge(world: NdcWorld) -> dict[str, int]:
    """Every settled debit is what was carried away; what is not settled is counted, never guessed."""
    taken = world.books.taken_by_act()
    counts: dict[str, int] = {}
    for key, debit in world.debits.items():
        counts[debit.state] = counts.get(debit.state, 0) + 1
        paid = taken.get((TERMINAL, debit.tsn), 0)
        if debit.state in ("confirmed", "part", "undone"):
            assert debit.standing == paid, (key, debit, paid)
    by_tsn = {debit.tsn for debit in world.debits.values()}
    assert all(tsn in by_tsn for (_, tsn), paid in taken.items() if paid), "paid without a debit"
    assert not world.books.imbalance()
    assert not world.tally.violations, world.tally.violations[:3]
    return counts


def test_a_day_without_faults_is_settled_to_the_last_note() -> None:
    world = day(1, PEACE)
    counts = judge(world)
    assert set(counts) == {"confirmed"}
    assert world.visits == VISITS
    assert world.tally.loads == 1
    assert world.tally.blocks_acknowledged


@pytest.mark.parametrize("seed", range(6))
def test_a_day_with_every_fault_settles_only_what_is_proven(seed: int) -> None:
    world = day(seed, STORM, kill_share=0.02)
    counts = judge(world)
    assert {"confirmed", "part", "undone", "unproven"} <= set(counts)
    assert world.tally.power_cuts
    assert world.tally.supervisor_visits
    assert world.visits == VISITS
    total = sum(world.debits[key].standing for key in world.debits)
    listed = sum(debit.standing for debit in world.debits.values() if debit.state in ("unproven", "awaiting"))
    assert total - listed <= world.books.total_taken() <= total
    assert counts["confirmed"] > sum(counts.values()) / 2, "listing everything would be no proof"
