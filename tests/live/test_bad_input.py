"""Bad input against the running daemon: each row's reply, counter and log line, and one innocent session that never notices.

One daemon serves all rows. The innocent terminal stays on one link from the first row to the last and withdraws before, while
and after each: a session that was hurt would show as a refusal or a closed link. Nothing sleeps; a row ends with an answer or
with the closure of its socket. What is written of each row for people stands in docs/bad-input.md.
"""

from __future__ import annotations

import asyncio
import json
import re
import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import closing
from pathlib import Path
from typing import Any, NamedTuple

import iso8583
import pytest
import pytest_asyncio
import trustme

from relay.loopback.core import FakeCore
from relay.loopback.coreserver import CoreServer
from relay.loopback.entries import EntryState
from relay.loopback.ledger import Ledger
from tests.support.daemonworld import ROOT, DaemonWorld
from tests.support.foreignatm import ForeignAtm, spec_of

GUILTY, INNOCENT, STRANGER = "ATM00666", "ATM00001", "ATM00999"
CLOSED, SILENCE = "closed", "silence"
PATIENCE_S = 120.0

LISTENER = f"""
[[listener]]
name = "atm"
endpoint = "tcp:{{port}}:interface=127.0.0.1"
reply_deadline_ms = 30000
terminals = ["{GUILTY}", "{INNOCENT}"]
[listener.profile]
frame_bytes_max = 2000
[listener.profile.session]
partial_frame_ms = 500

[[listener]]
name = "hasty"
endpoint = "tcp:{{hasty}}:interface=127.0.0.1"
reply_deadline_ms = 2000
"""


class WrongCore(CoreServer):
    """The fake core, which answers the guilty terminal's postings with `wrong`; the ledger is asked first if `commits`."""

    wrong: bytes | None = None
    commits = False

    def serve(self, link: Any, method: str, target: str, headers: dict[str, str], body: bytes, keep_alive: bool) -> None:
        if self.wrong is None or method != "POST" or target != "/v1/transactions" or GUILTY.encode() not in body:
            super().serve(link, method, target, headers, body, keep_alive)
            return
        if self.commits:
            self.core.handle(method, target, headers, body, self._wall_ms())
        link.write(self.wrong, close=self.wrong is CUT_SHORT)


class World:
    """The daemon, its wrong core, and the innocent terminal."""

    def __init__(self, directory: Path) -> None:
        self.daemon = DaemonWorld(directory)
        self.core = WrongCore(FakeCore(Ledger()), zones=("127.0.0.1",))
        self.daemon.core = self.core
        self.hasty_port = self.daemon.hold_port()
        self.hasty_count = 0  # of the rows that came to this daemon: workers of the test run have one each
        self.innocent: ForeignAtm | None = None
        self.paid = 0
        self.traces = 0

    def trace(self) -> str:
        self.traces += 1
        return f"{self.traces:06}"

    def pay_innocent(self) -> None:
        """One withdrawal of the innocent, on the link that it has had since the first row."""
        if self.innocent is None:
            raise AssertionError("the innocent has not signed on")
        answer = self.innocent.ask(self.innocent.withdrawal(self.trace(), 100))
        assert answer["39"] == "00", f"the innocent was refused with {answer['39']}"
        self.paid += 1


# ---- what the guilty does: it returns the reply code, CLOSED or SILENCE ---------------------------------------------------
Deed = Callable[[World, ForeignAtm], str]


def closed(atm: ForeignAtm) -> str:
    assert atm.is_closed(), "the relay said something, and was to hang up"
    return CLOSED


def then_echo(atm: ForeignAtm) -> str:
    """What comes first is the answer to the echo: nothing was said before it, and the link lives."""
    answer = atm.ask({"t": "0800", "7": atm.stamps()["7"], "11": "999999", "41": atm.terminal, "70": "301"})
    assert (answer["t"], answer["39"], answer["11"]) == ("0810", "00", "999999"), answer
    return SILENCE


def packed(message: dict[str, str]) -> bytes:
    return bytes(iso8583.encode(message, spec_of("1987-ascii"))[0])


def garbage_first(world: World, atm: ForeignAtm) -> str:
    atm.socket.sendall(b"GET / HTTP/1.1\r\nHost: relay\r\n\r\n")
    return closed(atm)


def garbage_in_a_frame(world: World, atm: ForeignAtm) -> str:
    atm.send(b"\xff" * 40)
    return then_echo(atm)


def wrong_length(world: World, atm: ForeignAtm) -> str:
    body = packed(atm.withdrawal(world.trace()))
    atm.socket.sendall(b"%04d" % (len(body) - 14) + body)  # what is cut off begins with letters
    code = atm.hear()["39"]
    closed(atm)
    return code


def over_maximum(world: World, atm: ForeignAtm) -> str:
    atm.socket.sendall(b"2001")
    return closed(atm)


def half_a_frame(world: World, atm: ForeignAtm) -> str:
    body = packed(atm.withdrawal(world.trace()))
    atm.socket.sendall(b"%04d" % len(body) + body[:50])
    return closed(atm)


def drip(world: World, atm: ForeignAtm) -> str:
    """One byte, then a wait for the closure; 2,000 bytes would take minutes."""
    atm.socket.settimeout(0.1)
    for byte in b"1999" + b"0" * 1_999:
        try:
            atm.socket.sendall(bytes([byte]))
            return closed(atm)
        except TimeoutError:
            continue
        except OSError:
            return CLOSED
    raise AssertionError("a whole frame was taken byte by byte")


def promised_field_missing(world: World, atm: ForeignAtm) -> str:
    atm.send(packed(atm.withdrawal(world.trace()))[:-3])  # DE 49, the last one in the bitmap
    return atm.hear()["39"]


def trailing_bytes(world: World, atm: ForeignAtm) -> str:
    atm.send(packed(atm.withdrawal(world.trace())) + b"XY")
    return atm.hear()["39"]


def unknown_mti(world: World, atm: ForeignAtm) -> str:
    return atm.ask(atm.withdrawal(world.trace()) | {"t": "0700"})["39"]


def withdrawal(world: World, atm: ForeignAtm) -> str:
    return atm.ask(atm.withdrawal(world.trace()))["39"]


def answer_unasked(world: World, atm: ForeignAtm) -> str:
    atm.say(atm.withdrawal(world.trace()) | {"t": "0210", "39": "00"})
    atm.say({"t": "0810", "7": atm.stamps()["7"], "11": "123456", "39": "00", "41": atm.terminal, "70": "301"})
    return then_echo(atm)


def another_amount(world: World, atm: ForeignAtm) -> str:
    asked = atm.withdrawal(world.trace())
    assert atm.ask(asked)["39"] == "00"
    return atm.ask(asked | {"4": "000000020000"})["39"]


# ---- what the core says to the guilty -------------------------------------------------------------------------------------
def http(body: bytes) -> bytes:
    head = b"HTTP/1.1 200 OK\r\nRegion-Epoch: 1\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n"
    return head % len(body) + body


HUGE = http(b'{"key":"' + b"x" * 10 * 1024 * 1024 + b'"}')
NOT_JSON = http(b"<html>it works</html>")
BREAKS_SCHEMA = http(b'{"key": 7, "status": "perhaps"}')
CUT_SHORT = http(b'{"key":"' + b"x" * 400 + b'"}')[:-200]


class Row(NamedTuple):
    """`expected`: reply code, CLOSED or SILENCE. `metric`: a series that rises. `logged`: text of a log line, "" where the
    line was written for the row before and is not repeated within its interval."""

    name: str
    deed: Deed
    expected: str
    metric: str
    logged: str
    signs_on: bool = True
    terminal: str = GUILTY
    wrong: bytes | None = None
    commits: bool = False
    is_hasty: bool = False  # on the listener of the short reply deadline: the core is asked until then


def refused(reason: str) -> str:
    return f'relay_refusals_total{{listener="atm",reason="{reason}"}}'


def hung_up(reason: str) -> str:
    return f'relay_links_closed_total{{listener="atm",reason="{reason}"}}'


def untaken(remark: str) -> str:
    return f'relay_core_answers_refused_total{{remark="{remark}"}}'


NOTED = 'relay_link_notes_total{listener="atm",note="unmatched-answer"}'
ROWS = (
    Row("garbage before the first frame", garbage_first, CLOSED, hung_up("frame-error"), "not made of 4 ascii digits", False),
    Row("garbage in a frame", garbage_in_a_frame, SILENCE, refused("format-error"), "format-error"),
    Row("wrong length", wrong_length, "30", hung_up("frame-error"), "frame-error"),
    Row("length over the maximum", over_maximum, CLOSED, hung_up("frame-error"), "a frame of more than 2000 bytes"),
    Row("half a frame then silence", half_a_frame, CLOSED, hung_up("partial-frame"), "partial-frame"),
    Row("one byte per second", drip, CLOSED, hung_up("partial-frame"), "partial-frame"),
    Row("a bitmap that promises", promised_field_missing, "30", refused("format-error"), "field 49 at offset"),
    Row("trailing bytes", trailing_bytes, "30", refused("format-error"), "format-error"),
    Row("unknown MTI", unknown_mti, "40", refused("unsupported"), "0700 is not a message of this link"),
    Row("before sign-on", withdrawal, "58", refused("not-signed-on"), "0200 before sign-on", False),
    Row("unknown terminal", withdrawal, "58", refused("unknown-terminal"), "unknown terminal", terminal=STRANGER),
    Row("an answer nobody asked for", answer_unasked, SILENCE, NOTED, "unmatched-answer"),
    Row("the same key with another amount", another_amount, "94", refused("key-conflict"), "same key with another amount"),
    Row("a 10 MB HTTP body, posted", withdrawal, "00", untaken("too-large"), "too-large", wrong=HUGE, commits=True),
    Row("a 10 MB HTTP body, not posted", withdrawal, "68", untaken("too-large"), "", wrong=HUGE, is_hasty=True),
    Row("not JSON, posted", withdrawal, "00", untaken("not-json"), "not-json", wrong=NOT_JSON, commits=True),
    Row("not JSON, not posted", withdrawal, "68", untaken("not-json"), "", wrong=NOT_JSON, is_hasty=True),
    Row("breaks the schema, posted", withdrawal, "00", untaken("schema"), "schema", wrong=BREAKS_SCHEMA, commits=True),
    Row("breaks the schema, not posted", withdrawal, "68", untaken("schema"), "", wrong=BREAKS_SCHEMA, is_hasty=True),
    Row("closes mid-answer, posted", withdrawal, "00", untaken("closed"), "closed", wrong=CUT_SHORT, commits=True),
    Row("closes mid-answer, not posted", withdrawal, "68", untaken("closed"), "", wrong=CUT_SHORT, is_hasty=True),
)


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def world(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[World]:
    world = World(tmp_path_factory.mktemp("bad"))
    try:
        await world.daemon.start_core()
        world.daemon.configure(LISTENER.replace("{hasty}", str(world.hasty_port)))
        await world.daemon.start()
        world.innocent = await asyncio.to_thread(ForeignAtm, world.daemon.port, terminal=INNOCENT)
        assert (await asyncio.to_thread(world.innocent.sign_on))["39"] == "00"
        yield world
    finally:
        if world.innocent is not None:
            world.innocent.close()
        await world.daemon.close()


def misbehave(world: World, row: Row) -> str:
    world.hasty_count += row.is_hasty
    atm = ForeignAtm(world.hasty_port if row.is_hasty else world.daemon.port, terminal=row.terminal)
    try:
        if row.signs_on:
            assert atm.sign_on()["39"] == "00"
        return row.deed(world, atm)
    finally:
        atm.close()


@pytest.mark.parametrize("row", ROWS, ids=[row.name for row in ROWS])
async def test_bad_input_has_its_outcome_and_nobody_else_notices(world: World, row: Row) -> None:
    before = await asyncio.to_thread(world.daemon.metrics)
    logged_before = len(world.daemon.log())
    world.core.wrong, world.core.commits = row.wrong, row.commits
    await asyncio.to_thread(world.pay_innocent)
    guilty = asyncio.create_task(asyncio.to_thread(misbehave, world, row))
    async with asyncio.timeout(PATIENCE_S):
        while not guilty.done():
            await asyncio.to_thread(world.pay_innocent)
        assert await guilty == row.expected
        while (await asyncio.to_thread(world.daemon.metrics)).get(row.metric, 0.0) <= before.get(row.metric, 0.0):
            await asyncio.to_thread(world.pay_innocent)
        while row.logged not in world.daemon.log()[logged_before:]:
            await asyncio.to_thread(world.pay_innocent)
    await asyncio.to_thread(world.pay_innocent)
    for line in world.daemon.log()[logged_before:].splitlines():
        assert INNOCENT not in line, f"something was said about the innocent: {line}"
        assert json.loads(line.partition(">")[2])["event"] != "link fault", f"a bug of ours: {line}"


# ---- afterwards -----------------------------------------------------------------------------------------------------------
async def test_afterwards_the_ledger_agrees_with_the_innocent_and_nothing_is_in_doubt(world: World) -> None:
    async with asyncio.timeout(PATIENCE_S):
        while (await asyncio.to_thread(world.daemon.control.status)).exchanges:
            await asyncio.to_thread(world.pay_innocent)
    ledger = world.core.core.ledger
    assert not ledger.posted_twice()
    tombstones = [entry for entry in ledger.entries() if entry.state is EntryState.TOMBSTONE]
    assert len(tombstones) == world.hasty_count, "what nobody gave a word for can never be posted"
    assert sum(e.standing_minor for e in ledger.entries() if e.terminal == INNOCENT) == 100 * world.paid
    status = await asyncio.to_thread(world.daemon.control.status)
    assert status.listeners[0].links == 1, "the guilty are gone, the innocent is not"


# ---- a core that cannot prove its name --------------------------------------------------------------------------------------
async def test_a_core_with_a_certificate_for_another_name_is_told_nothing(tmp_path: Path) -> None:
    authority, server_side = trustme.CA(), ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert("core.of.somebody.else").configure_cert(server_side)
    authority.cert_pem.write_to_path(str(tmp_path / "authorities.pem"))
    daemon = DaemonWorld(tmp_path)
    daemon.core = CoreServer(FakeCore(Ledger()), zones=("127.0.0.1",), tls=server_side)
    try:
        await daemon.start_core()
        daemon.configure(extra=f'[core.tls]\nauthorities = "{tmp_path}/authorities.pem"')
        await daemon.start()

        def day() -> str:
            with closing(ForeignAtm(daemon.port)) as atm:
                assert atm.sign_on()["39"] == "00"
                return atm.ask(atm.withdrawal("000002"))["39"]

        assert await asyncio.to_thread(day) == "91"
        assert (await asyncio.to_thread(daemon.metrics))['relay_core_connect_failures_total{why="certificate"}'] >= 1
        lines = [json.loads(line.partition(">")[2]) for line in daemon.log().splitlines()]
        failed = [line for line in lines if line["event"] == "connect failed"]
        assert failed
        assert {(line["level"], line["why"]) for line in failed} == {("warning", "certificate")}
        assert daemon.core.served == 0, "not one byte of a call"
    finally:
        await daemon.close()


# ---- the page -------------------------------------------------------------------------------------------------------------
PAGE = ROOT / "docs" / "bad-input.md"
SUBJECTS = (
    "garbage before the first frame",
    "wrong length",
    "length over the maximum",
    "half a frame, then silence",
    "one byte per second",
    "a bitmap that promises what is not there",
    "trailing bytes",
    "unknown MTI",
    "a financial request before sign-on",
    "unknown terminal",
    "an answer nobody asked for",
    "the same key with another amount",
    "a 10 MB HTTP body",
    "an HTTP answer that is not JSON",
    "an HTTP answer that breaks the schema",
    "a core that closes mid-answer",
    "a certificate for another name",
    "nobody answers at all: refused, no route, or a connection and then silence",
    "a config with ten mistakes",
    "a corrupt journal file",
    "a journal from a newer version",
    "a full disk",
    "an fsync error",
    "two machines with one terminal id",
    "a local date (DE 13) of the past or the future",
    "the same key with another body, says the core (422)",
    "a ledger listing that breaks off",
    "a ledger listing that repeats a page, goes in circles, or is of another day",
    "a ledger listing that names a transaction nobody made",
    "a business date far from the day of its posting",
    "a journal of another relay",
    "a corrupt page of the journal",
    "a clock that is set by a day, ahead or back",
)


def rows_of_page() -> dict[str, list[str]]:
    """First cell, in lower case, to the other cells."""
    found = {}
    for line in PAGE.read_text(encoding="utf-8").splitlines():
        cells = [cell.strip() for cell in line.strip().strip("|").split(" | ")]
        if line.startswith("| ") and len(cells) == 5:
            found[cells[0].lower()] = cells[1:]
    return found


@pytest.mark.parametrize("subject", SUBJECTS)
def test_the_page_names_outcome_and_proof(subject: str) -> None:
    cells = rows_of_page()[subject.lower()]
    assert all(cells), "a cell is empty"
    proofs = re.findall(r"`(tests/[\w/.]+\.py)`", cells[-1])
    assert proofs, "no test is named"
    for proof in proofs:
        assert (ROOT / proof).is_file(), proof
