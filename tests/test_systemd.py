"""The unit files: systemd itself finds nothing to say, hardening holds, and they agree with the settings' defaults.

The trap: `systemd-analyze verify` exits 0 on a misspelt key and only grumbles, so any word on standard error fails.
"""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path

import pytest

from relay.errors import ConfigurationError
from relay.settings import ControlSettings, CoreSettings, JournalSettings, ListenerSettings, RelaySettings
from tests.support.tools import need_tool

UNITS = Path(__file__).resolve().parent.parent / "systemd"
EXPOSURE_MAX = 2.0


def option(unit: str, name: str) -> list[str]:
    """Every value that a unit file gives to `name`, in order."""
    return re.findall(rf"^{name}=(.*)$", (UNITS / unit).read_text(encoding="utf-8"), re.MULTILINE)


def seconds(text: str) -> float:
    found = re.fullmatch(r"(\d+)s", text)
    assert found, f"write a span in seconds: {text}"
    return float(found[1])


@pytest.fixture
def installed(tmp_path: Path) -> Path:
    """A folder with the units as they would be installed, pointing at a program that exists here."""
    program = tmp_path / "relay"
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    for unit in UNITS.glob("*.service"), UNITS.glob("*.socket"):
        for path in unit:
            text = path.read_text(encoding="utf-8").replace("/opt/relay/bin/relay", str(program))
            (tmp_path / path.name).write_text(text, encoding="utf-8")
    return tmp_path


def verify(folder: Path) -> str:
    units = sorted(str(path) for path in folder.iterdir() if path.suffix in {".service", ".socket"})
    told = subprocess.run([need_tool("systemd-analyze"), "verify", *units], capture_output=True, text=True, check=False)
    return told.stderr + (f"exit {told.returncode}" if told.returncode else "")


def test_systemd_has_nothing_to_say(installed: Path) -> None:
    assert verify(installed) == ""


def test_a_misspelt_key_would_be_found(installed: Path) -> None:
    service = installed / "relay.service"
    service.write_text(service.read_text().replace("WatchdogSec=", "WatchDogSecs="))
    assert "WatchDogSecs" in verify(installed)


def test_hardening(installed: Path) -> None:
    told = subprocess.run(
        [
            need_tool("systemd-analyze"),
            "security",
            "--offline=true",
            "--no-pager",
            f"--threshold={EXPOSURE_MAX * 10:.0f}",
            str(installed / "relay.service"),
        ],
        capture_output=True,
        text=True,
        check=False,
    )
    assert told.returncode == 0, told.stdout[-2_000:] + told.stderr
    score = re.search(r"Overall exposure level for relay.service: ([0-9.]+)", told.stdout)
    assert score
    assert float(score[1]) <= EXPOSURE_MAX


def test_the_drop_in_for_a_service_address_is_well_formed_and_gives_one_capability(installed: Path) -> None:
    drop_ins = installed / "relay.service.d"
    drop_ins.mkdir()
    (drop_ins / "announce.conf").write_text((UNITS / "relay-announce.conf").read_text(encoding="utf-8"), encoding="utf-8")
    assert verify(installed) == ""
    assert option("relay-announce.conf", "CapabilityBoundingSet") == ["CAP_NET_ADMIN"]
    assert option("relay-announce.conf", "AmbientCapabilities") == ["CAP_NET_ADMIN"]
    assert option("relay-announce.conf", "DeviceAllow") == ["/dev/net/tun rw"]
    assert option("relay-announce.conf", "PrivateUsers") == ["no"]


def test_no_core_files_and_no_privileges() -> None:
    assert option("relay.service", "LimitCORE") == ["0"]
    assert option("relay.service", "CapabilityBoundingSet") == [""]
    assert option("relay.service", "User") == ["relay"]


def test_the_drain_fits_into_the_time_that_systemd_gives_it() -> None:
    (stop,) = option("relay.service", "TimeoutStopSec")
    assert seconds(stop) * 1000 >= RelaySettings().drain_deadline_ms + 10_000


def test_paths_and_names_are_those_of_the_settings() -> None:
    assert option("relay.service", "LoadCredential")[0].split(":")[0] == JournalSettings().key_credential
    assert Path(JournalSettings().path).parent == Path("/var/lib") / option("relay.service", "StateDirectory")[0]
    assert Path(ControlSettings().path).parent == Path("/run") / option("relay.service", "RuntimeDirectory")[0]
    assert option("relay.service", "RestartPreventExitStatus") == [str(ConfigurationError.exit_code)]


def test_enough_files_for_a_full_listener() -> None:
    (files,) = option("relay.service", "LimitNOFILE")
    listener = ListenerSettings(name="atm")
    assert int(files) >= listener.connection_count_max + 10 * CoreSettings().connections_per_address_max + 1_000


def test_the_socket_is_what_the_example_listens_on() -> None:
    (name,) = option("relay.socket", "FileDescriptorName")
    assert f"systemd:domain=INET:name={name}" in (UNITS.parent / "config" / "relay.example.toml").read_text(encoding="utf-8")
    assert option("relay.socket", "Service") == ["relay.service"]
    assert int(option("relay.socket", "Backlog")[0]) == ListenerSettings(name="atm").backlog_count


def test_user_and_folders_are_made(tmp_path: Path) -> None:
    sysusers, tmpfiles = need_tool("systemd-sysusers"), need_tool("systemd-tmpfiles")
    if os.geteuid() != 0:
        pytest.skip("only root may give files away: the modes and owners cannot be made here")
    (tmp_path / "etc").mkdir()
    subprocess.run([sysusers, f"--root={tmp_path}", str(UNITS / "relay.sysusers")], check=True, capture_output=True)
    assert "relay:" in (tmp_path / "etc" / "passwd").read_text()
    made = subprocess.run(
        [tmpfiles, f"--root={tmp_path}", "--create", str(UNITS / "relay.tmpfiles")], capture_output=True, text=True, check=False
    )
    assert made.returncode == 0, made.stderr
    modes = {
        name: oct((tmp_path / name).stat().st_mode & 0o777) for name in ("etc/relay", "etc/relay/credentials", "var/lib/relay")
    }
    assert modes == {"etc/relay": "0o750", "etc/relay/credentials": "0o700", "var/lib/relay": "0o700"}
    uid = int(re.search(r"^relay:[^:]*:(\d+):", (tmp_path / "etc" / "passwd").read_text(), re.MULTILINE)[1])  # type: ignore[index]  # asserted above
    assert (tmp_path / "var/lib/relay").stat().st_uid == uid
