"""A client written with pyiso8583 talks to the daemon over TCP: three dialects through three framings."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import closing
from pathlib import Path

import pytest
import pytest_asyncio

from tests.support.daemonworld import DaemonWorld
from tests.support.foreignatm import DIALECTS, FRAMINGS, ForeignAtm

PAIRS = [(dialect, framing) for dialect in DIALECTS for framing in FRAMINGS]


def listener(number: int, port: int) -> str:
    dialect, framing = PAIRS[number]
    encoding = dialect.partition("-")[2]
    return f"""
[[listener]]
name = "l{number}"
endpoint = "tcp:{port}:interface=127.0.0.1"
[listener.profile]
encoding = "{encoding}"
framing = "{framing}"
"""


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def ports(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[list[int]]:
    world = DaemonWorld(tmp_path_factory.mktemp("foreign"))
    numbers = [world.hold_port() for _ in PAIRS]
    try:
        await world.start_core()
        world.configure("".join(listener(index, port) for index, port in enumerate(numbers)))
        await world.start()
        yield numbers
    finally:
        await world.close()


def day(port: int, dialect: str, framing: str, terminal: str) -> None:
    with closing(ForeignAtm(port, dialect, framing, terminal)) as atm:
        served(atm)


def served(atm: ForeignAtm) -> None:
    assert atm.sign_on()["39"] == "00"
    asked = atm.withdrawal("000002")
    answer = atm.ask(asked)
    assert (answer["t"], answer["39"], answer["11"], answer["4"]) == ("0210", "00", "000002", asked["4"])
    assert answer["38"].strip()
    assert atm.ask(asked | {"t": "0201", "7": "0101000000"}) == answer | {"7": "0101000000"}, "the same again, from the journal"
    assert atm.ask(asked | {"4": "000000020000"})["39"] == "94", "same key, another amount"
    reversed_ = atm.ask(atm.reversal(asked, "000003"))
    assert (reversed_["t"], reversed_["39"]) == ("0430", "00")


@pytest.mark.parametrize("number", range(len(PAIRS)), ids=[f"{dialect}-{framing}" for dialect, framing in PAIRS])
async def test_a_strangers_client_is_served(ports: list[int], number: int) -> None:
    dialect, framing = PAIRS[number]
    await asyncio.to_thread(day, ports[number], dialect, framing, f"ATM0000{number}")


def test_this_file_uses_none_of_our_codec() -> None:
    text = (Path(__file__).parents[1] / "support" / "foreignatm.py").read_text()
    assert "protocols" not in text
    assert "import relay" not in text
    assert "from relay" not in text
