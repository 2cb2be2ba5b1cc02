"""The device in the kernel: there while it is held, gone with the process however it dies, and why it cannot be made."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from relay.announce.tun import CALM_LOOKS, DeviceFailed, DeviceHolder, ServiceDevice
from tests.support.netns import need_namespaces

LOOK = """
import os, signal, socket, subprocess, sys
from relay.announce.tun import ServiceDevice
def shown():
    return subprocess.run(["ip", "-o", "addr", "show"], capture_output=True, text=True, check=True).stdout
def is_ours(text):
    return "inet 198.18.0.10/32" in text and "inet6 2001:db8::10/128" in text and "svc0" in text
"""


def in_namespace(program: str) -> subprocess.CompletedProcess[str]:
    words = [*need_namespaces(), sys.executable, "-c", LOOK + program]
    return subprocess.run(
        words, capture_output=True, text=True, check=False, timeout=30, cwd=Path(__file__).resolve().parents[3]
    )


def test_the_addresses_are_there_while_it_is_open_and_may_be_listened_on() -> None:
    told = in_namespace(
        """
device = ServiceDevice("svc0", ["198.18.0.10", "2001:db8::10"])
assert is_ours(shown()), shown()
for family, address in ((socket.AF_INET, "198.18.0.10"), (socket.AF_INET6, "2001:db8::10")):
    with socket.socket(family) as listening:
        listening.bind((address, 5000))
device.close()
device.close()
assert "svc0" not in shown(), shown()
ServiceDevice("svc0", ["198.18.0.10"]).close()
"""
    )
    assert told.returncode == 0, told.stderr


def test_it_is_gone_with_a_process_that_is_killed() -> None:
    told = in_namespace(
        """
child = os.fork()
if not child:
    held = ServiceDevice("svc0", ["198.18.0.10", "2001:db8::10"])
    os.kill(os.getpid(), signal.SIGSTOP)
os.waitpid(child, os.WUNTRACED)
assert is_ours(shown()), shown()
os.kill(child, signal.SIGKILL)
os.waitpid(child, 0)
assert "svc0" not in shown(), shown()
"""
    )
    assert told.returncode == 0, told.stderr


def test_a_persistent_device_of_the_same_name_does_not_outlive_us() -> None:
    told = in_namespace(
        """
subprocess.run(["ip", "tuntap", "add", "svc0", "mode", "tun"], check=True)
held = ServiceDevice("svc0", ["198.18.0.10", "2001:db8::10"])
assert is_ours(shown()), shown()
held.close()
assert "svc0" not in shown(), shown()
"""
    )
    assert told.returncode == 0, told.stderr


@pytest.mark.parametrize(
    ("words", "missing"),
    [
        ("addr flush dev svc0", ("198.18.0.10", "2001:db8::10")),
        ("addr del 198.18.0.10/32 dev svc0", ("198.18.0.10",)),
        ("addr del 2001:db8::10/128 dev svc0", ("2001:db8::10",)),
        ("link set svc0 down", ("198.18.0.10", "2001:db8::10")),
        ("link del svc0", ("198.18.0.10", "2001:db8::10")),
    ],
)
def test_what_is_taken_away_from_outside_is_seen_and_put_back(words: str, missing: tuple[str, ...]) -> None:
    told = in_namespace(
        f"""
from relay.announce.tun import DeviceHolder
failures = []
holder = DeviceHolder(lambda: ServiceDevice("svc0", ["198.18.0.10", "2001:db8::10"]), lambda: failures.append(1))
assert holder.hold() == holder.keep() == "" and not failures
subprocess.run("ip {words}".split(), check=True)
assert holder._device.missing() == {missing!r}, holder._device.missing()
assert holder.keep() == "" and failures == [1]
assert is_ours(shown()), shown()
assert holder.keep() == "" and failures == [1]
holder.let_go()
assert holder.keep() == "" and "svc0" not in shown(), shown()
"""
    )
    assert told.returncode == 0, told.stderr


def test_an_address_beside_ours_and_a_host_without_descriptors_take_nothing_away() -> None:
    told = in_namespace(
        """
import resource
device = ServiceDevice("svc0", ["198.18.0.10", "2001:db8::10"])
subprocess.run("ip addr add 169.254.7.7/16 dev svc0 scope link".split(), check=True)  # the kernel tells it first
assert device.missing() == (), device.missing()
resource.setrlimit(resource.RLIMIT_NOFILE, (64, 64))
held = []
try:
    while True:
        held.append(os.open("/dev/null", os.O_RDONLY))
except OSError:
    pass
assert device.missing() == (), device.missing()
"""
    )
    assert told.returncode == 0, told.stderr


def test_two_relays_with_one_device_name_are_told_so() -> None:
    told = in_namespace(
        """
held = ServiceDevice("svc0", ["198.18.0.10"])
try:
    ServiceDevice("svc0", ["198.18.0.10"])
except Exception as error:
    assert "Another process holds the device" in error.next_step, error
else:
    raise AssertionError
"""
    )
    assert told.returncode == 0, told.stderr


def test_without_the_device_file_the_next_step_is_told(tmp_path: Path) -> None:
    with pytest.raises(DeviceFailed) as raised:
        ServiceDevice("svc0", ["198.18.0.10"], str(tmp_path / "tun"))
    assert "docs/announce.md" in raised.value.next_step


def test_without_the_right_it_is_refused_and_nothing_is_left_open() -> None:
    told = subprocess.run(
        [
            *need_namespaces(),
            *("setpriv", "--bounding-set", "-net_admin", "--inh-caps", "-net_admin"),
            sys.executable,
            "-c",
            "from relay.announce.tun import *\ntry:\n    ServiceDevice('svc0', ['198.18.0.10'])\n"
            "except DeviceFailed as error:\n    print(error.next_step)",
        ],
        capture_output=True,
        text=True,
        check=False,
        timeout=30,
        cwd=Path(__file__).resolve().parents[3],
    )
    assert "drop-in" in told.stdout, told.stderr


def test_the_holder_makes_it_once_tells_why_not_and_lets_go() -> None:
    made: list[str] = []
    is_broken = True

    class Held:
        def missing(self) -> tuple[str, ...]:
            return ()

        def close(self) -> None:
            made.append("closed")

    def make() -> Held:
        if is_broken:
            raise DeviceFailed("no.", "step")
        made.append("made")
        return Held()

    holder = DeviceHolder(make, lambda: made.append("failed"))
    assert holder.hold() == "no. step"
    is_broken = False
    assert holder.hold() == holder.hold() == ""
    holder.let_go()
    holder.let_go()
    assert made == ["failed", "made", "closed"]


def test_what_is_taken_away_again_is_let_go_and_not_put_back_at_each_look() -> None:
    made: list[str] = []
    lost: tuple[str, ...] = ()

    class Held:
        def missing(self) -> tuple[str, ...]:
            return lost

        def close(self) -> None:
            made.append("closed")

    def make() -> Held:
        made.append("made")
        return Held()

    holder = DeviceHolder(make, lambda: made.append("failed"))
    assert holder.hold() == holder.keep() == ""
    lost = ("198.18.0.10",)
    assert holder.keep() == ""
    assert made == ["made", "failed", "closed", "made"]
    made.clear()
    assert "again and again" in holder.keep()
    assert made == ["failed", "closed"]
    assert holder.keep() == holder.hold() == "", "as who tries it again after a while"
    assert "again and again" in holder.keep()
    lost = ()
    assert holder.hold() == ""
    for _ in range(CALM_LOOKS):
        assert holder.keep() == ""
    lost = ("198.18.0.10",)
    assert holder.keep() == "", "long ago"
