"""What a host is told that is to hold the service address: a missing device, a missing right, BIRD's socket."""

from __future__ import annotations

import socket
from pathlib import Path

from relay.configuration.servicehost import check_announce_here
from relay.servicesettings import AnnounceSettings

BIRD: dict[str, object] = {"adapter": "bird", "addresses": ("198.18.0.10",)}
EXABGP: dict[str, object] = {"adapter": "exabgp", "addresses": ("198.18.0.10",)}


def capabilities(folder: Path, effective: str) -> Path:
    path = folder / "status"
    path.write_text(f"Name:\tx\nCapEff:\t{effective}\n")
    return path


def here(
    folder: Path, announce: dict[str, object], tun: str = "tun", effective: str = "0000000000001000"
) -> list[tuple[str, bool]]:
    (folder / "tun").touch()
    found = check_announce_here(AnnounceSettings.model_validate(announce), folder / tun, capabilities(folder, effective))
    return [(each.problem, each.is_warning) for each in found]


def test_a_host_without_the_device_file_is_a_mistake_and_a_user_without_the_right_a_warning(tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as bird:
        bird.bind(str(tmp_path / "bird.ctl"))
        there = {**BIRD, "control_socket": str(tmp_path / "bird.ctl")}
        assert here(tmp_path, there) == []
        ((problem, is_warning),) = here(tmp_path, there, tun="none")
        assert problem.endswith("none: the service address cannot be held")
        assert not is_warning
        assert here(tmp_path, there, effective="00000000") == [("this user may not make a network device", True)]
        assert here(tmp_path, {}, tun="none") == []


def test_birds_socket_is_looked_for(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    path = str(tmp_path / "none")
    assert here(tmp_path, {**BIRD, "control_socket": path}) == [(f"there is no socket {path}", True)]
    path = str(tmp_path / "file")
    assert here(tmp_path, {**BIRD, "control_socket": path}) == [(f"{path} is no socket", False)]


def test_the_folder_of_our_own_socket_has_to_be_there(tmp_path: Path) -> None:
    assert here(tmp_path, {**EXABGP, "control_socket": str(tmp_path / "x.sock")}) == []
    ((problem, is_warning),) = here(tmp_path, {**EXABGP, "control_socket": str(tmp_path / "no" / "x.sock")})
    assert problem.startswith("there is no directory")
    assert not is_warning
