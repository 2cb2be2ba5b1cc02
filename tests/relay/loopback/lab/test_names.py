"""The zone and the name servers' configuration: their own checkers read them."""

from __future__ import annotations

import subprocess
from base64 import b64encode
from pathlib import Path

from relay.loopback.lab import names
from tests.support.tools import need_tool

SECRET = b64encode(bytes(32)).decode()


def test_the_zone_names_every_address_and_one_active_region(tmp_path: Path) -> None:
    text = names.zone("v=1;epoch=8;region=tokyo;run=x;mac=y", "tokyo")
    assert text.count(" A ") == 8  # three zones and a name server in each region
    assert "active.core.lab. CNAME tok.core.lab." in text
    path = tmp_path / "zone"
    path.write_text(text)
    done = subprocess.run([need_tool("named-checkzone"), names.ZONE, str(path)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout


def test_bind_reads_its_configuration(tmp_path: Path) -> None:
    path = tmp_path / "conf"
    path.write_text(names.bind(str(tmp_path), SECRET))
    done = subprocess.run([need_tool("named-checkconf"), str(path)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout


def test_knot_has_a_database_of_its_own_and_takes_the_two_records_only(tmp_path: Path) -> None:
    text = names.knot(str(tmp_path), SECRET)
    assert f'storage: "{tmp_path}/db"' in text
    assert "update-owner-name: [active, _active]" in text
    path = tmp_path / "conf"
    path.write_text(text)
    done = subprocess.run([need_tool("knotc"), "-c", str(path), "conf-check"], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
