"""A snapshot has one digest, and a binding changes with everything that it binds."""

from __future__ import annotations

import itertools

from relay.failover.evidence import CenterFacts, Evidence, binding_of, digest_of, epoch_known


def test_the_digest_follows_every_fact() -> None:
    base = Evidence(centers=(CenterFacts(center="tokyo", epoch=7),), lag_ms=3)
    others = [
        Evidence(),
        Evidence(centers=base.centers, lag_ms=4),
        Evidence(centers=(CenterFacts(center="tokyo", epoch=8),), lag_ms=3),
        Evidence(centers=base.centers, lag_ms=3, is_peer_away=True),
    ]
    assert len({digest_of(one) for one in (base, *others)}) == 5
    assert digest_of(base) == digest_of(Evidence(centers=(CenterFacts(center="tokyo", epoch=7),), lag_ms=3))


def test_no_two_bindings_are_alike_whatever_is_moved_between_the_parts() -> None:
    words = ("a", "ab", "", "b")
    made = [
        binding_of(run, gate, part, version, digest)
        for run, part, version, digest in itertools.product(words, repeat=4)
        for gate in (1, 2)
    ]
    assert len(set(made)) == len(made)


def test_the_highest_epoch_of_any_center_is_the_known_one() -> None:
    assert epoch_known(Evidence()) == 0
    facts = (CenterFacts(center="tokyo", trouble="away"), CenterFacts(center="osaka", epoch=7))
    assert epoch_known(Evidence(centers=facts)) == 7
