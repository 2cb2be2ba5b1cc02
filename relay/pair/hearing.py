"""Whether the other center is there, path by path: which heartbeats count, and what they prove. Pure.

Owns the receiving side's memory. It must never know a socket or a clock: `now_ms` is monotonic milliseconds everywhere. The
essay: a signature proves who, not when. So a heartbeat counts only when it is *proven*: it echoes a heartbeat of ours, of this
very life, that we sent on the same path within `lost_after_ms`. What was recorded yesterday, what lay in a queue while a
process was stopped, and what only comes through in one direction cannot do that, and no wall clock is needed for it. What is
not proven counts for nothing but to be echoed in turn, for somebody has to begin; of several voices the one of the highest
incarnation and number is echoed, so that a replay cannot push the living one aside.

The trap: a path that was lost comes back only after `rise_count` proven heartbeats in a row; one that is there is lost when
none has come for `lost_after_ms`. And two living processes under one name are told by this: both prove themselves, and only
one life is followed; a higher incarnation is a restart and is followed at once, any other only when the one before has fallen
silent.
"""

from __future__ import annotations

from collections import deque
from enum import Enum
from typing import Final

import msgspec

from relay.pair.beat import VERSION, Beat, Signed

SENT_KEPT_COUNT: Final = 64  # heartbeats of ours whose time is remembered
TWIN_COUNT_MIN: Final = 3  # proven heartbeats of a second life before it is told


class Heard(Enum):
    """What became of one signed heartbeat; also the metric label."""

    PROVEN = "proven"
    UNPROVEN = "unproven"  # nothing fresh of ours is in it: a beginning, one direction only, late, or a replay
    REPLAYED = "replayed"  # a number that was there before
    OWN_NAME = "own-name"  # it calls itself what we are called
    OTHER_NAME = "other-name"  # from another center, or meant for another
    OTHER_PATH = "other-path"
    OTHER_VERSION = "other-version"
    TWIN = "twin"  # a second living process of the same name


class PathState(Enum):
    UNKNOWN = "unknown"  # not listened for long enough
    UP = "up"
    ONE_WAY = "one-way"  # the peer is heard, and does not hear us
    LOST = "lost"


class HearingRules(msgspec.Struct, frozen=True):
    """`lost_after_ms` without a proven heartbeat a path is lost; `rise_count` in a row bring it back."""

    lost_after_ms: int = 3_000
    rise_count: int = 3


class _Voice(msgspec.Struct, frozen=True):
    """The heartbeat that we echo on a path."""

    incarnation: int
    life: int
    sequence: int
    at_ms: int


class _Path:
    __slots__ = ("heard_ms", "is_up", "proven_in_row", "proven_ms", "sent", "sequence", "voice")

    def __init__(self) -> None:
        self.sent: deque[tuple[int, int]] = deque(maxlen=SENT_KEPT_COUNT)  # number, when
        self.voice: _Voice | None = None
        self.sequence = 0  # highest number proven of the life that is followed
        self.proven_ms: int | None = None
        self.heard_ms: int | None = None
        self.proven_in_row = 0
        self.is_up = False


class Hearing:
    """Args: `center` and `peer` are the two names, `life` is our own, `path_count` how many ways there are."""

    def __init__(self, center: str, peer: str, life: int, path_count: int, rules: HearingRules, now_ms: int) -> None:
        self._center = center
        self._peer = peer
        self._life = life
        self._rules = rules
        self._began_ms = now_ms
        self._paths = [_Path() for _ in range(path_count)]
        self._followed: tuple[int, int] | None = None  # incarnation, life
        self._followed_ms = 0
        self._twin_count = 0
        self._twin_ms = 0
        self._same_name_ms: int | None = None
        self._version_ms: int | None = None
        self.beat: Beat | None = None  # the youngest that is proven
        self.beat_ms = 0
        self.peer_version = 0  # as last heard; 0 for never
        self.heard_version = 0  # what the peer last heard of ours

    # ---- sending -----------------------------------------------------------------------------------------------------
    def sent(self, path: int, sequence: int, now_ms: int) -> None:
        """Our heartbeat `sequence` leaves on `path`."""
        self._paths[path].sent.append((sequence, now_ms))

    def echo(self, path: int) -> tuple[int, int]:
        """Life and number to echo on `path`; zeros while nothing was heard."""
        voice = self._paths[path].voice
        return (0, 0) if voice is None else (voice.life, voice.sequence)

    # ---- hearing -----------------------------------------------------------------------------------------------------
    def heard(self, path: int, signed: Signed, now_ms: int) -> Heard:
        if signed.version != VERSION or signed.beat is None:
            self.peer_version, self._version_ms = signed.version, now_ms
            return Heard.OTHER_VERSION
        beat = signed.beat
        if beat.center == self._center:
            self._same_name_ms = now_ms
            return Heard.OWN_NAME
        if beat.center != self._peer or beat.peer != self._center:
            return Heard.OTHER_NAME
        if signed.path != path:
            return Heard.OTHER_PATH
        way = self._paths[path]
        way.heard_ms = now_ms
        self._listen(way, beat, now_ms)
        if not self._is_proven(way, beat, now_ms):
            return Heard.UNPROVEN
        if not self._follow(beat, now_ms):
            return Heard.TWIN
        if beat.sequence <= way.sequence:
            return Heard.REPLAYED
        self.peer_version, self.heard_version = signed.version, signed.heard_version
        self._take(way, beat, now_ms)
        return Heard.PROVEN

    def _listen(self, way: _Path, beat: Beat, now_ms: int) -> None:
        voice = way.voice
        is_old = voice is None or now_ms - voice.at_ms > self._rules.lost_after_ms
        if is_old or voice is None or (beat.incarnation, beat.sequence) > (voice.incarnation, voice.sequence):
            way.voice = _Voice(beat.incarnation, beat.life, beat.sequence, now_ms)

    def _is_proven(self, way: _Path, beat: Beat, now_ms: int) -> bool:
        if beat.echo_life != self._life:
            return False
        oldest_ms = now_ms - self._rules.lost_after_ms
        return any(sequence == beat.echo_sequence and at_ms >= oldest_ms for sequence, at_ms in way.sent)

    def _follow(self, beat: Beat, now_ms: int) -> bool:
        """Whether this proven heartbeat is of the life that we follow, from now on or before."""
        life = (beat.incarnation, beat.life)
        if life != self._followed:
            is_silent = now_ms - self._followed_ms > self._rules.lost_after_ms
            if self._followed is not None and not is_silent and beat.incarnation <= self._followed[0]:
                self._twin_count += 1
                self._twin_ms = now_ms
                return False
            self._followed = life
            for way in self._paths:
                way.sequence = 0
        self._followed_ms = now_ms
        return True

    def _take(self, way: _Path, beat: Beat, now_ms: int) -> None:
        is_gap = way.proven_ms is None or now_ms - way.proven_ms > self._rules.lost_after_ms
        way.proven_in_row = 1 if is_gap else way.proven_in_row + 1
        if is_gap:
            way.is_up = False
        way.is_up = way.is_up or way.proven_in_row >= self._rules.rise_count
        way.proven_ms = now_ms
        way.sequence = beat.sequence
        if self.beat is None or beat.life != self.beat.life or beat.sequence >= self.beat.sequence:
            self.beat, self.beat_ms = beat, now_ms

    # ---- what is known -------------------------------------------------------------------------------------------------
    def state(self, path: int, now_ms: int) -> PathState:
        way, after_ms = self._paths[path], self._rules.lost_after_ms
        if way.proven_ms is not None and now_ms - way.proven_ms <= after_ms:
            if way.is_up:
                return PathState.UP
        else:
            way.is_up = False
            if way.heard_ms is not None and now_ms - way.heard_ms <= after_ms:
                return PathState.ONE_WAY
        # A process that has just begun has to be heard first, and then heard to have heard.
        return PathState.UNKNOWN if now_ms - self._began_ms <= 2 * after_ms else PathState.LOST

    def states(self, now_ms: int) -> tuple[PathState, ...]:
        return tuple(self.state(path, now_ms) for path in range(len(self._paths)))

    def has_twin(self, now_ms: int) -> bool:
        """A second living process says that it is the peer."""
        if self._twin_count and now_ms - self._twin_ms > 2 * self._rules.lost_after_ms:
            self._twin_count = 0
        return self._twin_count >= TWIN_COUNT_MIN

    def has_namesake(self, now_ms: int) -> bool:
        """Somebody with our key calls itself what we are called."""
        return self._is_lately(self._same_name_ms, now_ms)

    def is_other_version(self, now_ms: int) -> bool:
        """The peer speaks another version than ours, as of its last word."""
        return self._is_lately(self._version_ms, now_ms) and self.peer_version != VERSION

    def _is_lately(self, at_ms: int | None, now_ms: int) -> bool:
        return at_ms is not None and now_ms - at_ms <= 2 * self._rules.lost_after_ms
