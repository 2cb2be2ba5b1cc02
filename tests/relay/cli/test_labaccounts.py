"""Accounts at the lab's consoles: both centers have the same, and a second time makes none."""

from __future__ import annotations

import tempfile
from pathlib import Path

import msgspec
import pytest

from protocols.vocabulary import Secret
from relay.cli.labaccounts import make_accounts
from relay.console.accounts import is_password, read_accounts
from relay.console.identity import Role
from relay.loopback.lab.drillplan import PEOPLE
from relay.loopback.lab.lab import Lab
from relay.loopback.lab.secretsmade import Secrets
from relay.loopback.lab.topology import CENTERS

PASSWORD = "a good long password"


def test_everybody_may_sign_in_at_both_consoles(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    lab = Lab("lab")
    for city in CENTERS:
        (lab.folder / city).mkdir(parents=True)
    kept = Secrets(region_mac="", update="", password=PASSWORD, authenticators={})
    (lab.folder / "secrets.json").write_bytes(msgspec.json.encode(kept))
    make_accounts(lab)
    files = [lab.folder / city / "console-accounts.json" for city in CENTERS]
    first = files[0].read_bytes()
    for file in files:
        assert file.read_bytes() == first
        accounts = read_accounts(str(file))  # refuses one that others may read
        assert {name: one.role for name, one in accounts.items()} == {one.login: Role.OPERATOR for one in PEOPLE}
    assert is_password(read_accounts(str(files[0]))["kato"], Secret(PASSWORD))
    make_accounts(lab)
    assert files[0].read_bytes() == first, "made once: another salt would end everybody's session"
