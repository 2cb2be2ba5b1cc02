"""Which heartbeats count: a world of two centers in virtual time, with an adversary who keeps every datagram and sends it
again.
"""

from __future__ import annotations

from random import Random

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from relay.pair.beat import VERSION, Beat, Signed
from relay.pair.hearing import TWIN_COUNT_MIN, Heard, Hearing, HearingRules, PathState

RULES = HearingRules(lost_after_ms=3_000, rise_count=3)
BEAT_MS = 1_000


class Center:
    """One side, as the heart drives it."""

    def __init__(self, name: str, peer: str, incarnation: int, life: int, now_ms: int = 0, paths: int = 2) -> None:
        self.name, self.peer, self.incarnation, self.life = name, peer, incarnation, life
        self.hearing = Hearing(name, peer, life, paths, RULES, now_ms)
        self.sequence = 0
        self.paths = paths

    def say(self, now_ms: int) -> list[Signed]:
        """The heartbeat of each path."""
        self.sequence += 1
        said = []
        for path in range(self.paths):
            life, sequence = self.hearing.echo(path)
            self.hearing.sent(path, self.sequence, now_ms)
            beat = Beat(
                center=self.name,
                peer=self.peer,
                incarnation=self.incarnation,
                life=self.life,
                sequence=self.sequence,
                echo_life=life,
                echo_sequence=sequence,
            )
            said.append(Signed(VERSION, VERSION, path, beat))
        return said


def both(now_ms: int = 0) -> tuple[Center, Center]:
    return Center("tokyo", "osaka", 5, 55, now_ms), Center("osaka", "tokyo", 9, 99, now_ms)


def talk(one: Center, other: Center, from_ms: int, until_ms: int, cut: frozenset[tuple[str, int]] = frozenset()) -> None:
    """Heartbeats in both directions, but for those from `(name, path)` in `cut`."""
    for now_ms in range(from_ms, until_ms, BEAT_MS):
        for speaker, listener in ((one, other), (other, one)):
            for path, signed in enumerate(speaker.say(now_ms)):
                if (speaker.name, path) not in cut:
                    listener.hearing.heard(path, signed, now_ms)


def test_two_who_hear_each_other_are_up_on_both_paths_after_a_few_heartbeats() -> None:
    tokyo, osaka = both()
    assert tokyo.hearing.states(0) == (PathState.UNKNOWN, PathState.UNKNOWN)
    talk(tokyo, osaka, 0, 5_000)
    assert tokyo.hearing.states(4_500) == (PathState.UP, PathState.UP)
    assert osaka.hearing.states(4_500) == (PathState.UP, PathState.UP)
    assert tokyo.hearing.beat is not None
    assert tokyo.hearing.beat.center == "osaka"


def test_nobody_there_is_lost_and_not_unknown_for_ever() -> None:
    tokyo, _ = both()
    assert tokyo.hearing.state(0, 2 * RULES.lost_after_ms) is PathState.UNKNOWN
    assert tokyo.hearing.state(0, 2 * RULES.lost_after_ms + 1) is PathState.LOST


def test_a_cut_path_is_lost_at_its_limit_alone_and_comes_back_after_a_few() -> None:
    tokyo, osaka = both()
    talk(tokyo, osaka, 0, 6_000)
    cut = frozenset({("tokyo", 0), ("osaka", 0)})
    talk(tokyo, osaka, 6_000, 10_000, cut)
    last_ms = 5_000
    assert tokyo.hearing.state(0, last_ms + RULES.lost_after_ms) is PathState.UP
    assert tokyo.hearing.state(0, last_ms + RULES.lost_after_ms + 1) is PathState.LOST
    assert tokyo.hearing.state(1, 9_500) is PathState.UP
    talk(tokyo, osaka, 10_000, 12_000)
    assert tokyo.hearing.state(0, 11_500) is not PathState.UP
    talk(tokyo, osaka, 12_000, 15_000)
    assert tokyo.hearing.state(0, 14_500) is PathState.UP


def test_one_direction_alone_proves_nothing_and_is_shown() -> None:
    tokyo, osaka = both()
    talk(tokyo, osaka, 0, 20_000, frozenset({("tokyo", 0)}))
    assert tokyo.hearing.state(0, 19_500) is PathState.ONE_WAY
    assert osaka.hearing.state(0, 19_500) is PathState.LOST
    assert tokyo.hearing.state(1, 19_500) is PathState.UP


def test_old_heartbeats_wake_nobody_and_a_stopped_process_that_wakes_believes_no_queue() -> None:
    tokyo, osaka = both()
    talk(tokyo, osaka, 0, 6_000)
    # Tokyo is stopped for a minute; what Osaka says meanwhile lies in its socket.
    queue = [osaka.say(now_ms)[0] for now_ms in range(6_000, 66_000, BEAT_MS)]
    assert {tokyo.hearing.heard(0, signed, 66_000) for signed in queue} == {Heard.UNPROVEN}
    assert tokyo.hearing.state(0, 66_000) is PathState.ONE_WAY
    talk(tokyo, osaka, 66_000, 71_000)
    assert tokyo.hearing.state(0, 70_500) is PathState.UP


def test_a_repeated_number_is_a_replay_on_its_path_and_another_path_is_no_way_in() -> None:
    tokyo, osaka = both()
    talk(tokyo, osaka, 0, 5_000)
    signed = osaka.say(5_000)
    assert tokyo.hearing.heard(0, signed[0], 5_001) is Heard.PROVEN
    assert tokyo.hearing.heard(0, signed[0], 5_002) is Heard.REPLAYED
    assert tokyo.hearing.heard(0, signed[1], 5_003) is Heard.OTHER_PATH
    assert tokyo.hearing.heard(1, signed[1], 5_004) is Heard.PROVEN


def test_names() -> None:
    tokyo, osaka = both()
    signed = osaka.say(0)[0]
    assert signed.beat is not None
    for change, result in (
        ({"center": "tokyo"}, Heard.OWN_NAME),
        ({"center": "nagoya"}, Heard.OTHER_NAME),
        ({"peer": "nagoya"}, Heard.OTHER_NAME),
    ):
        wrong = msgspec.structs.replace(signed, beat=msgspec.structs.replace(signed.beat, **change))
        assert tokyo.hearing.heard(0, wrong, 10) is result
    assert tokyo.hearing.has_namesake(10)
    assert not tokyo.hearing.has_namesake(11 + 2 * RULES.lost_after_ms)
    assert tokyo.hearing.echo(0) == (0, 0), "nothing of these is echoed"


def test_our_own_heartbeats_thrown_back_are_a_namesake_and_nothing_more() -> None:
    tokyo, osaka = both()
    talk(tokyo, osaka, 0, 5_000)
    assert tokyo.hearing.heard(0, tokyo.say(5_000)[0], 5_001) is Heard.OWN_NAME


def test_another_version_is_shown_and_what_was_known_stays() -> None:
    tokyo, osaka = both()
    talk(tokyo, osaka, 0, 5_000)
    assert tokyo.hearing.heard(0, Signed(2, 1, 0, None), 5_000) is Heard.OTHER_VERSION
    assert tokyo.hearing.is_other_version(5_000)
    assert tokyo.hearing.peer_version == 2
    assert tokyo.hearing.state(0, 5_001) is PathState.UP
    assert not tokyo.hearing.is_other_version(5_001 + 2 * RULES.lost_after_ms)


def test_a_restarted_peer_is_followed_at_once_and_what_its_old_life_said_is_over() -> None:
    tokyo, osaka = both()
    talk(tokyo, osaka, 0, 6_000)
    again = Center("osaka", "tokyo", 10, 100, 6_000)
    talk(tokyo, again, 6_000, 9_000)
    assert tokyo.hearing.beat is not None
    assert (tokyo.hearing.beat.life, tokyo.hearing.state(0, 8_500)) == (100, PathState.UP)


def test_a_second_living_process_of_one_name_is_told_and_not_followed() -> None:
    tokyo, osaka = both()
    twin = Center("osaka", "tokyo", osaka.incarnation, 123)
    results = []
    for now_ms in range(0, 30_000, BEAT_MS):
        for speaker in (osaka, twin):
            # Both hear Tokyo, so both can prove themselves, each in its turn.
            for signed in tokyo.say(now_ms):
                speaker.hearing.heard(signed.path, signed, now_ms)
            for signed in speaker.say(now_ms):
                results.append(tokyo.hearing.heard(signed.path, signed, now_ms))
        for other in (osaka, twin):
            assert other.sequence == now_ms // BEAT_MS + 1
    assert results.count(Heard.TWIN) >= TWIN_COUNT_MIN
    assert tokyo.hearing.has_twin(29_500)
    assert tokyo.hearing.beat is not None
    assert tokyo.hearing.beat.life == 99, "the first is followed as long as it lives"
    talk(tokyo, osaka, 30_000, 45_000)
    assert not tokyo.hearing.has_twin(44_500)


def test_a_peer_that_was_restored_to_a_lower_incarnation_is_followed_when_the_old_life_is_silent() -> None:
    tokyo, osaka = both()
    talk(tokyo, osaka, 0, 6_000)
    restored = Center("osaka", "tokyo", 3, 33, 20_000)
    talk(tokyo, restored, 20_000, 26_000)
    assert tokyo.hearing.state(0, 25_500) is PathState.UP


Event = tuple[int, int, bool]  # pause, which old datagram, delivered to tokyo


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 4_000), st.integers(0, 10**6), st.booleans()), max_size=60), st.integers(0, 2**32))
def test_whoever_replays_duplicates_and_delays_cannot_prove_anything_nor_push_the_living_aside(
    events: list[Event], seed: int
) -> None:
    tokyo, osaka = both()
    chance = Random(seed)
    kept: list[tuple[Center, int, Signed]] = []  # to whom, said when, what
    now_ms = 0
    for pause_ms, which, is_lost in events:
        now_ms += pause_ms
        for speaker, listener in ((tokyo, osaka), (osaka, tokyo)):
            for path, signed in enumerate(speaker.say(now_ms)):
                kept.append((listener, now_ms, signed))
                if not is_lost:
                    listener.hearing.heard(path, signed, now_ms)
        listener, said_ms, old = kept[which % len(kept)]
        path = chance.randrange(2)
        result = listener.hearing.heard(path, old, now_ms)
        if result is Heard.PROVEN:
            assert now_ms - said_ms <= RULES.lost_after_ms, "older than any heartbeat of ours that it could echo"
            assert old.path == path
        assert listener.hearing.heard(path, old, now_ms) is not Heard.PROVEN, "and never twice"
    # The living are heard, whatever the replayer does beside them.
    for _ in range(10):
        now_ms += BEAT_MS
        for speaker, listener in ((tokyo, osaka), (osaka, tokyo)):
            for path, signed in enumerate(speaker.say(now_ms)):
                listener.hearing.heard(path, signed, now_ms)
        for _ in range(3):
            if kept:
                listener, _, old = chance.choice(kept)
                listener.hearing.heard(old.path, old, now_ms)
    assert tokyo.hearing.states(now_ms) == osaka.hearing.states(now_ms) == (PathState.UP, PathState.UP)


@pytest.mark.parametrize("late_ms", [RULES.lost_after_ms, RULES.lost_after_ms + 1])
def test_an_echo_is_fresh_up_to_its_limit(late_ms: int) -> None:
    tokyo, osaka = both()
    for signed in tokyo.say(0):
        osaka.hearing.heard(signed.path, signed, 0)
    answer = osaka.say(0)[0]
    expected = Heard.PROVEN if late_ms <= RULES.lost_after_ms else Heard.UNPROVEN
    assert tokyo.hearing.heard(0, answer, late_ms) is expected
