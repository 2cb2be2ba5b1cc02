"""The people of a drill at the consoles: a telephone shows what the orchestrator reckons, and who speaks is none of them."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator

import msgspec
import pytest

from protocols.vocabulary import Secret
from relay.clock import SystemClock
from relay.failover.codes import SECRET_BYTES, STEP_S, Codes, secret_text
from relay.loopback.lab.drillconsoles import SPEAKERS, code
from relay.loopback.lab.drillplan import PEOPLE
from relay.loopback.lab.lab import Lab
from relay.loopback.lab.secretsmade import Secrets


@pytest.fixture
def lab() -> Iterator[Lab]:
    """Its folder and its secrets, and nothing that runs."""
    made = Lab(f"d{os.getpid() % 1_000_000}")
    keys = {one.login: secret_text(bytes([number]) * SECRET_BYTES) for number, one in enumerate(PEOPLE, 1)}
    made.folder.mkdir(mode=0o755)
    kept = msgspec.json.encode(Secrets(region_mac="", update="", password="", authenticators=keys))
    (made.folder / "secrets.json").write_bytes(kept)
    yield made
    shutil.rmtree(made.folder)


def test_a_telephone_shows_what_counts(lab: Lab) -> None:
    one = PEOPLE[2]
    kept = Secrets.of(lab.folder).authenticators
    codes = Codes({each.name: Secret(kept[each.login]) for each in PEOPLE}, {}, lambda used: None)
    clock = SystemClock()
    codes.spend(one.name, code(lab, one), clock.wall_ms(), clock.monotonic_ms())
    assert code(lab, one) != code(lab, PEOPLE[0])
    codes.spend(one.name, code(lab, one, ahead=2), clock.wall_ms() + 2 * STEP_S * 1_000, clock.monotonic_ms())


def test_the_consoles_speak_as_the_user_of_the_labs_relays() -> None:
    assert SPEAKERS == (0,), "a lab is root's (door.why_not)"
    assert not {one.uid for one in PEOPLE} & set(SPEAKERS)
