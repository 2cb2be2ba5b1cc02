"""The record changed on a real BIND: whole or not at all, only from the text that was there, and what its refusals mean."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from relay.core.dns import NameServer
from relay.core.zone import TsigKey, ZoneDoor
from relay.core.zonechange import ZoneChange, change_zone
from relay.errors import ConfigurationError
from tests.support.realdns import ZONE, RealDns

CHANGE = ZoneChange(
    zone=ZONE,
    record_name=f"_active.{ZONE}",
    alias_name=f"active.{ZONE}",
    old_text="v=1;epoch=7",
    new_text="v=1;epoch=8",
    target=f"osa.{ZONE}",
    ttl_s=5,
)
replace = msgspec.structs.replace


async def test_compare_and_swap_on_a_real_server(tmp_path: Path) -> None:
    servers = RealDns(tmp_path, ['_active TXT "v=1;epoch=7"', "active CNAME tyo", "tyo A 127.0.0.1", "osa A 127.0.0.1"])
    await servers.start()
    try:
        primary = NameServer("127.0.0.1", servers.primary_port)
        key = TsigKey("relay.", servers.secret, "hmac-sha256")
        door = ZoneDoor((primary,), CHANGE.record_name, CHANGE.alias_name, 2_000)

        async def shown() -> tuple[bytes, str]:
            answer = await door.look(0)
            return answer.texts[0][0], answer.target

        for wrong in (replace(CHANGE, old_text="v=1;epoch=6"), replace(CHANGE, old_text="")):
            assert (await change_zone(wrong, primary, key, 3)).result == "not-as-expected"
        foreign = replace(CHANGE, alias_name=f"other.{ZONE}")  # outside the key's grant: nothing of the message is done
        assert (await change_zone(foreign, primary, key, 3)).result == "refused"
        stranger = TsigKey("relay.", "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=", "hmac-sha256")
        assert (await change_zone(CHANGE, primary, stranger, 3)).result == "refused"
        assert await shown() == (b"v=1;epoch=7", f"tyo.{ZONE}.")
        assert (await change_zone(CHANGE, primary, key, 3)).result == "changed"
        assert await shown() == (b"v=1;epoch=8", f"osa.{ZONE}.")
        assert (await change_zone(CHANGE, primary, key, 3)).result == "not-as-expected"  # the second who tries
    finally:
        await servers.stop()
    assert (await change_zone(CHANGE, primary, key, 1)).result == "unclear"  # nobody listens: and nobody knows, says the caller


async def test_names_and_keys_that_are_none_are_told_before_anything_is_sent() -> None:
    for change, secret in ((replace(CHANGE, zone="a..b"), "AAAA"), (CHANGE, "not base64 !")):
        with pytest.raises(ConfigurationError):
            await change_zone(change, NameServer("127.0.0.1", 1), TsigKey("relay.", secret, "hmac-sha256"), 1)
