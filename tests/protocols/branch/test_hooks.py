"""The default authentication: HMAC-SHA256 cut to eight bytes, checked against a published vector."""

import pytest

from protocols.branch.hooks import KEY_BYTES_MIN, HmacMac, NoMac, mac_of
from protocols.errors import LocalMisuse


def test_rfc_4231_test_case_1() -> None:
    mac = HmacMac({"0001": b"\x0b" * 20})
    assert mac.compute("0001", b"Hi There") == bytes.fromhex("b0344c61d8db3853")
    assert mac.compute("0002", b"Hi There") is None


@pytest.mark.parametrize(("keys", "is_refused"), [({}, True), ({"1": b"x" * 15}, True), ({"1": b"x" * KEY_BYTES_MIN}, False)])
def test_keys_have_a_least_length(keys: dict[str, bytes], is_refused: bool) -> None:
    if is_refused:
        with pytest.raises(LocalMisuse):
            HmacMac(keys)
    else:
        HmacMac(keys)


def test_keys_are_credentials_as_hex() -> None:
    mac = mac_of({"0001": "branch-key"}, {"credential:branch-key": "0b" * 20 + "\n"}.__getitem__)
    assert mac is not None
    assert mac.compute("0001", b"Hi There") == bytes.fromhex("b0344c61d8db3853")
    assert mac_of({}, lambda name: "") is None
    with pytest.raises(LocalMisuse, match="mac_keys"):
        mac_of({"0001": "branch-key"}, lambda name: "no hex")


def test_a_missing_key_fails_closed() -> None:
    mac = mac_of({"0001": "branch-key"}, lambda name: "")
    assert isinstance(mac, NoMac)
    assert mac.compute("0001", b"Hi There") is None
