"""Keys: against HMAC and AES-GCM from elsewhere, and what a moved or changed ciphertext does."""

from __future__ import annotations

import hashlib
import hmac

import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from hypothesis import given
from hypothesis import strategies as st

from protocols.vocabulary import Pan
from relay.errors import JournalUnusable
from relay.journal.crypt import JournalKeys, parse_key

KEY = bytes(range(32))
PAN = Pan("4539578763621486")


def derived(purpose: bytes) -> bytes:
    """HKDF-SHA-256 (RFC 5869) with no salt and one block of output, by hand."""
    extracted = hmac.digest(bytes(32), KEY, "sha256")
    return hmac.digest(extracted, b"relay journal 1 " + purpose + b"\x01", "sha256")


@given(st.text())
def test_fingerprints_are_hmac_sha256_of_a_derived_key(text: str) -> None:
    expected = hmac.new(derived(b"fingerprint"), text.encode("utf-8", "surrogatepass"), hashlib.sha256).digest()[:16]
    assert JournalKeys(KEY).fingerprint(text) == expected


def test_the_stored_pan_is_aes_gcm_bound_to_its_exchange() -> None:
    keys = JournalKeys(KEY, entropy=lambda count: b"\x07" * count)
    (nonce,) = keys.nonces(1)
    sealed = keys.seal(PAN, "exchange key", nonce)
    assert sealed[:12] == b"\x07" * 12
    assert AESGCM(derived(b"pan")).decrypt(sealed[:12], sealed[12:], b"exchange key") == b"4539578763621486"
    assert keys.open(sealed, "exchange key") == PAN
    for wrong, key in ((sealed, "another"), (sealed[:-1] + bytes([sealed[-1] ^ 1]), "exchange key"), (b"", "exchange key")):
        with pytest.raises(ValueError, match="does not decrypt"):
            keys.open(wrong, key)
    with pytest.raises(ValueError, match="does not decrypt"):
        JournalKeys(b"x" * 32).open(sealed, "exchange key")


def test_the_same_pan_never_looks_the_same_but_is_found() -> None:
    keys = JournalKeys(KEY)
    nonces = keys.nonces(100)
    assert {len(nonce) for nonce in nonces} == {12}
    assert len({keys.seal(PAN, "k", nonce) for nonce in nonces}) == 100
    assert keys.nonces(0) == []
    assert keys.pan_hash(PAN) == hashlib.blake2b(b"4539578763621486", digest_size=16, key=derived(b"pan-search")).digest()
    assert keys.pan_hash(PAN) != keys.pan_hash(Pan("4539578763621487"))
    assert keys.pan_hash(PAN) != keys.fingerprint(PAN.reveal())


def test_the_check_value_names_the_key_and_is_no_other_key() -> None:
    keys = JournalKeys(KEY)
    assert keys.key_id == keys.check[:4].hex()
    assert keys.check not in {derived(b"pan"), derived(b"pan-search"), derived(b"fingerprint"), KEY}
    assert JournalKeys(b"x" * 32).check != keys.check


@pytest.mark.parametrize("text", ["", "zz" * 32, "00" * 31, "00" * 33, "0" * 63])
def test_a_key_that_is_not_64_hex_digits(text: str) -> None:
    with pytest.raises(JournalUnusable, match="64 hex digits") as caught:
        parse_key(text)
    assert "openssl rand -hex 32" in caught.value.next_step
    if len(text) > 2:
        assert text not in str(caught.value)


def test_a_key_from_its_credential() -> None:
    assert parse_key(f" {KEY.hex().upper()}\n") == KEY
    with pytest.raises(JournalUnusable, match="3 bytes"):
        JournalKeys(b"abc")
