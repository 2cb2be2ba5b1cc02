"""Health by comparison: an outlier is left alone, an ill core is not, and nobody is ever left without an address."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from relay.core.balance import Balance, BalanceRules, Health
from relay.core.door import Address

A, B, C = (Address(f"10.0.0.{n}", 443) for n in (1, 2, 3))
RULES = BalanceRules(eject_failures=3, eject_ms=5_000, eject_ms_max=60_000)


def balance(*addresses: Address) -> Balance:
    made = Balance(RULES)
    made.update(addresses or (A, B, C))
    return made


def call(b: Balance, now_ms: int, dead: frozenset[Address] = frozenset()) -> list[Address]:
    """One call as the client makes it: a failure goes to the next address at once. Returns the addresses tried."""
    tried: list[Address] = []
    while (address := b.choose(now_ms, tried)) is not None:
        tried.append(address)
        if address not in dead:
            b.answered(address)
            return tried
        b.failed(address, now_ms)
    return tried


def test_calls_one_after_another_go_round() -> None:
    b = balance()
    assert [call(b, 0)[0] for _ in range(6)] == [A, B, C, A, B, C]


def test_calls_at_once_spread_evenly() -> None:
    b = balance()
    for _ in range(30):
        assert b.choose(0) is not None
    assert [b.inflight_of(a) for a in (A, B, C)] == [10, 10, 10]


def test_the_address_with_fewest_calls_in_flight_comes_first() -> None:
    b = balance()
    for _ in range(6):
        b.choose(0)
    b.answered(B)
    assert b.choose(0) == B


def test_nothing_is_known_at_first() -> None:
    assert Balance().choose(0) is None


def test_an_address_that_fails_while_others_answer_is_ejected_and_left_alone() -> None:
    b = balance()
    dead = frozenset({A})
    tried = [address for _ in range(30) for address in call(b, 0, dead)]
    assert tried.count(A) == 3
    assert b.health_of(A) is Health.EJECTED
    assert b.count(Health.HEALTHY) == 2
    assert b.ejections == 1


def test_losing_one_of_three_addresses_fails_no_call() -> None:
    b = balance()
    for _ in range(100):
        assert call(b, 0, frozenset({A}))[-1] != A


def test_an_answer_in_between_starts_the_row_again() -> None:
    b = balance()
    for _ in range(10):
        for _ in range(2):
            b.failed(A, 0)
        b.answered(A)
        b.answered(B)
    assert b.health_of(A) is Health.HEALTHY


def test_an_ill_core_ejects_nobody_and_nobody_is_called_healthy() -> None:
    b = balance()
    for _ in range(3):
        assert call(b, 0)
    for number in range(1, 21):
        assert b.count(Health.HEALTHY) == (3 if number <= RULES.eject_failures else 0)
        assert sorted(call(b, 0, frozenset({A, B, C}))) == [A, B, C], "all of them stay in use"
        assert b.failures_of(A) == number
    assert b.count(Health.EJECTED) == 0
    assert b.count(Health.FAILING) == 3


def test_the_first_answer_makes_a_failing_address_healthy_again_and_the_others_outliers() -> None:
    b = balance()
    for _ in range(20):
        call(b, 0, frozenset({A, B, C}))
    for _ in range(9):
        call(b, 0, frozenset({A, B}))
    assert [b.health_of(a) for a in (A, B, C)] == [Health.EJECTED, Health.EJECTED, Health.HEALTHY]
    assert b.failures_of(C) == 0


def test_the_last_healthy_address_is_never_ejected() -> None:
    b = balance()
    for _ in range(20):
        call(b, 0, frozenset({A}))
    for _ in range(20):
        call(b, 0, frozenset({A, B}))
    for _ in range(20):
        call(b, 0, frozenset({A, B, C}))
    assert [b.health_of(a) for a in (A, B, C)] == [Health.EJECTED, Health.EJECTED, Health.FAILING]


def test_a_single_address_is_never_ejected() -> None:
    b = balance(A)
    for _ in range(20):
        assert call(b, 0, frozenset({A})) == [A]
    assert b.health_of(A) is Health.FAILING


def eject_a(b: Balance, now_ms: int) -> None:
    """A fails in a row while B answers."""
    for _ in range(RULES.eject_failures):
        assert b.choose(now_ms, (B, C)) == A
        b.failed(A, now_ms)
        assert b.choose(now_ms, (A, C)) == B
        b.answered(B)
    assert b.health_of(A) is Health.EJECTED


def test_after_the_ejection_one_call_tries_the_address_and_heals_it() -> None:
    b = balance()
    eject_a(b, 1_000)
    assert A not in [call(b, 5_999)[0] for _ in range(9)]
    assert b.choose(6_000) == A
    assert b.health_of(A) is Health.TRYING
    assert A not in [b.choose(6_000) for _ in range(9)]  # one trial only
    b.answered(A)
    assert b.health_of(A) is Health.HEALTHY


def test_a_failed_trial_ejects_for_twice_as_long_up_to_the_cap() -> None:
    b = balance()
    eject_a(b, 0)
    now_ms, pauses = 0, []
    for _ in range(7):
        begun_ms = now_ms
        while A not in call(b, now_ms, frozenset({A})):
            now_ms += 500
        pauses.append(now_ms - begun_ms)
    assert pauses == [5_000, 10_000, 20_000, 40_000, 60_000, 60_000, 60_000]


def test_a_trial_that_proves_nothing_is_tried_again() -> None:
    b = balance()
    eject_a(b, 0)
    assert b.choose(5_000) == A
    b.returned(A)
    assert b.choose(5_000) == A


def test_a_late_answer_heals_an_ejected_address() -> None:
    b = balance()
    while b.choose(0) != A:
        pass
    eject_a(b, 0)
    b.answered(A)
    assert b.health_of(A) is Health.HEALTHY


def test_sick_addresses_are_used_rather_than_none() -> None:
    b = balance()
    eject_a(b, 0)
    assert b.choose(0, (B, C)) == A
    assert b.choose(0, (A, B, C)) is None


def test_addresses_that_dns_keeps_keep_their_health_and_those_it_drops_are_forgotten() -> None:
    b = balance()
    eject_a(b, 0)
    b.choose(0, (A, C))
    d = Address("10.0.0.4", 443)
    b.update([d, B, A, A])
    assert b.addresses == (d, B, A)
    assert b.health_of(A) is Health.EJECTED
    assert b.inflight_of(B) == 1
    b.answered(C)  # a call on an address that is gone: nothing to count
    b.failed(C, 0)
    b.returned(C)
    assert b.health_of(C) is None


@given(
    st.lists(
        st.tuples(
            st.sampled_from(["choose", "answered", "failed", "returned", "update"]), st.integers(0, 3), st.integers(0, 9_000)
        ),
        max_size=120,
    )
)
def test_whatever_happens_an_address_is_found_and_calls_are_counted(steps: list[tuple[str, int, int]]) -> None:
    b, all_of_them = balance(), (A, B, C, Address("10.0.0.4", 443))
    inflight: list[Address] = []
    now_ms = 0
    for what, number, more_ms in steps:
        now_ms += more_ms
        if what == "choose":
            address = b.choose(now_ms)
            assert address in b.addresses
            assert address is not None
            inflight.append(address)
        elif what == "update":
            b.update(all_of_them[: number + 1])
        elif inflight:
            address = inflight.pop(number % len(inflight))
            match what:
                case "answered":
                    b.answered(address)
                case "failed":
                    b.failed(address, now_ms)
                case _:
                    b.returned(address)
        in_use = b.count(Health.HEALTHY) + b.count(Health.FAILING)
        assert in_use >= 1 or b.count(Health.TRYING) >= 1 or not b.addresses or b.ejections
        for address in b.addresses:
            assert b.inflight_of(address) == inflight.count(address)


def test_an_address_that_dns_drops_and_names_again_still_counts_the_calls_under_way() -> None:
    """Else their ends would be counted off a count that never had them, and the address would look idle for ever."""
    b = balance(A, B)
    under_way = [b.choose(0) for _ in range(10)]
    b.update([B])
    b.update([A, B])
    assert (b.inflight_of(A), b.inflight_of(B)) == (5, 5)
    b.update([])
    for address in under_way[:5]:
        assert address is not None
        b.answered(address)
    b.update([A, B])
    for address in under_way[5:]:
        assert address is not None
        b.failed(address, 0)
    assert (b.inflight_of(A), b.inflight_of(B)) == (0, 0)
    chosen = [b.choose(0) for _ in range(10)]
    assert (chosen.count(A), chosen.count(B)) == (5, 5)


def test_an_address_that_was_dropped_with_no_call_under_way_is_forgotten() -> None:
    b = balance(A, B)
    b.update([B])
    assert b.health_of(A) is None
