"""Several keys at once: the named key opens, the unnamed of old are tried, and what is missing is called by its id."""

from __future__ import annotations

import pytest

from protocols.vocabulary import Pan
from relay.errors import JournalUnusable
from relay.journal.crypt import JournalKeys
from relay.journal.keyring import KEYS_MAX, KeyRing

OLD, NEW = b"o" * 32, b"n" * 32
PAN = Pan("4539578763621486")


def test_a_secret_names_its_key_and_older_keys_open_theirs() -> None:
    old, both = KeyRing(OLD), KeyRing(NEW, [OLD])
    sealed = old.seal(PAN, "k", old.nonces(1)[0])
    assert sealed[:4].hex() == old.key_id
    assert both.open(sealed, "k") == PAN
    assert not both.is_current(sealed)
    assert both.is_current(both.seal(PAN, "k", both.nonces(1)[0]))
    assert both.open_body(old.seal_body(b"body", "k", old.nonces(1)[0]), "k") == b"body"
    assert both.unwrap(old.wrap(b"secret")) == b"secret"
    with pytest.raises(ValueError, match=f"wants the key {old.key_id}"):
        KeyRing(NEW).open(sealed, "k")
    with pytest.raises(ValueError, match="changed outside"):
        both.open(sealed, "another exchange")


def test_a_secret_from_before_there_were_ids_is_opened_by_trying() -> None:
    keys = JournalKeys(OLD)
    assert KeyRing(NEW, [OLD]).open(keys.seal(PAN, "k", keys.nonces(1)[0]), "k") == PAN


def test_a_nonce_of_old_that_begins_like_an_id_opens_all_the_same() -> None:
    keys = JournalKeys(OLD)
    nonce = keys.check[:4] + bytes(8)
    assert KeyRing(OLD).open(keys.seal(PAN, "k", nonce), "k") == PAN


def test_a_card_is_looked_for_under_every_key() -> None:
    both = KeyRing(NEW, [OLD])
    assert both.pan_hashes(PAN) == [JournalKeys(NEW).pan_hash(PAN), JournalKeys(OLD).pan_hash(PAN)]
    assert both.pan_hash(PAN) == JournalKeys(NEW).pan_hash(PAN)


def test_fingerprints_outlive_two_changes_of_keys() -> None:
    first = JournalKeys(OLD)
    second = KeyRing(NEW, [OLD])
    second.adopt_fingerprints(first.key_id, None)
    third = KeyRing(b"3" * 32, [NEW])
    third.adopt_fingerprints(second.key_id, second.sealed_fingerprints())
    assert first.fingerprint("x") == second.fingerprint("x") == third.fingerprint("x")


def test_a_proposed_key_reads_at_once_and_writes_when_it_is_accepted() -> None:
    ring = KeyRing(OLD)
    old = ring.seal(PAN, "k", ring.nonces(1)[0])
    new_ring = KeyRing(NEW, [OLD])
    new = new_ring.seal(PAN, "k", new_ring.nonces(1)[0])
    ring.propose(new_ring)
    assert (ring.key_id, ring.open(new, "k"), ring.open(old, "k")) == (KeyRing(OLD).key_id, PAN, PAN)
    assert len(ring.pan_hashes(PAN)) == 2
    ring.accept()
    assert (ring.key_id, ring.proposed) == (new_ring.key_id, None)
    assert ring.is_current(ring.seal(PAN, "k", ring.nonces(1)[0]))
    assert ring.open(old, "k") == PAN
    ring.accept()  # nothing is proposed: nothing happens
    assert ring.key_id == new_ring.key_id


def test_as_many_keys_as_the_limit_and_no_more() -> None:
    keys = [bytes([number]) * 32 for number in range(KEYS_MAX + 1)]
    assert len(KeyRing(keys[0], keys[1:KEYS_MAX]).key_ids) == KEYS_MAX
    with pytest.raises(JournalUnusable, match="9 journal keys"):
        KeyRing(keys[0], keys[1:])
