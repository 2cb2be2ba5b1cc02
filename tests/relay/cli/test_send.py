"""`relay send` against a listener made of the real dialogue: sign-on, answer, repeat, masks, exit codes."""

from __future__ import annotations

import argparse
import json
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from protocols.dialect import Ask, BytesArrived, HangUp, LinkOpened, Refuse, ReplyDecided, Send
from protocols.iso8583.dialect import Iso8583Dialect
from protocols.vocabulary import Approved, Balance, Money, Request
from relay.cli import send
from relay.cli.registry import COMMANDS
from relay.clock import SystemClock
from relay.errors import ConfigurationError
from relay.loopback.stage import free_port
from tests.support.isolink import PAN, WALL_MS, make_dialect, received

WITHDRAWAL = ["--mti", "0200", "--field", f"2={PAN}", "--field", "3=011000", "--field", "4=000000010000", "--field", "49=392"]
APPROVAL = Approved(authorisation_id="A1B2C3", balances=(Balance("10", "02", Money(7, "JPY")),))


def arguments(*words: str) -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    send.configure(parser)
    return parser.parse_args(words)


@contextmanager
def listener(iso: Iso8583Dialect, chatter: bytes = b"", answers: bytes | None = None) -> Iterator[str]:
    """One connection served by the dialogue, approving everything; `answers` replaces it by plain bytes."""
    server = socket.create_server(("127.0.0.1", 0))
    server.settimeout(20)
    stop = threading.Event()

    def serve() -> None:
        try:
            link, _ = server.accept()
        except OSError:
            return
        with link, suppress(ConnectionError):  # whoever has heard enough has hung up
            link.settimeout(20)
            dialogue = iso.new_dialogue()
            dialogue.step(LinkOpened("127.0.0.1", 1), 0)
            if chatter:
                link.sendall(chatter)
            while not stop.is_set():
                data = link.recv(65_536)
                if not data:
                    return
                if answers is not None:
                    link.sendall(answers)
                    continue
                for action in dialogue.step(BytesArrived(data), 0):
                    if isinstance(action, Ask):
                        request = iso.to_request(action.message, received(SystemClock().wall_ms()))
                        answer = APPROVAL if isinstance(request, Request) else request
                        reply = iso.to_reply(action.message, answer, WALL_MS)
                        (out,) = dialogue.step(ReplyDecided(action.message, reply), 0)
                        assert isinstance(out, Send)
                        link.sendall(out.data)
                    elif isinstance(action, Send | Refuse):
                        link.sendall(action.data)
                    elif isinstance(action, HangUp):
                        return

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    try:
        yield f"127.0.0.1:{server.getsockname()[1]}"
    finally:
        stop.set()
        with suppress(OSError):
            server.shutdown(socket.SHUT_RDWR)  # wakes an accept that nobody came to
        server.close()
        thread.join(20)
        assert not thread.is_alive()


def test_it_is_the_command_that_the_registry_lists() -> None:
    assert COMMANDS[send.NAME] == send.HELP


def test_an_echo_is_the_default(capsys: pytest.CaptureFixture[str]) -> None:
    with listener(make_dialect()) as target:
        assert send.run(arguments(target)) == 0
    shown = capsys.readouterr().out
    assert "→ 0800" in shown
    assert "← 0810" in shown
    assert "70 301" in shown


@pytest.mark.parametrize("encoding", ["ascii", "bcd", "ebcdic"])
def test_a_withdrawal_signed_on_and_masked(capsys: pytest.CaptureFixture[str], encoding: str) -> None:
    with listener(make_dialect(encoding=encoding, framing="binary2")) as target:
        words = [target, "--encoding", encoding, "--framing", "binary2", "--sign-on", "--repeat", "--expect", "00", "--json"]
        assert send.run(arguments(*words, *WITHDRAWAL, "--field", "52=0123456789ABCDEF")) == 0
    shown = capsys.readouterr().out
    assert PAN not in shown
    assert "0123456789ABCDEF" not in shown
    sign_on, first, again, sign_off = json.loads(shown)
    assert (sign_on["answer"]["mti"], sign_on["sent"]["fields"]["70"]) == ("0810", "001")
    assert sign_off["sent"]["fields"]["70"] == "002"
    assert (first["sent"]["mti"], again["sent"]["mti"]) == ("0200", "0201")
    assert first["answer"] == again["answer"]
    assert first["answer"]["fields"]["38"] == "A1B2C3"
    assert first["answer"]["fields"]["2"] == "400000******7899"
    assert first["latency_ms"] >= 0


def test_without_a_sign_on_the_refusal_is_shown(capsys: pytest.CaptureFixture[str]) -> None:
    with listener(make_dialect()) as target:
        assert send.run(arguments(target, *WITHDRAWAL, "--expect", "00")) == send.EXIT_UNEXPECTED
    shown = capsys.readouterr().out
    assert "39 58" in shown
    assert "expected 00 in DE 39, got 58" in shown


def test_what_the_listener_says_in_between_is_passed_over() -> None:
    iso = make_dialect()
    chatter = iso.speaker.write(iso.rules.command("echo", 1, b"")) + b"0000"
    with listener(iso, chatter) as target:
        assert send.run(arguments(target)) == 0


def test_a_configuration_file_says_how_to_speak(tmp_path: Path) -> None:
    config = tmp_path / "relay.toml"
    config.write_text(
        '[[listener]]\nname = "atms"\n[[listener]]\nname = "pos"\nendpoint = "tcp:8584:interface=127.0.0.1"\n'
        'profile = { version = "1993", encoding = "bcd", framing = "nac" }\n'
    )
    with listener(make_dialect(version="1993", encoding="bcd", framing="nac")) as target:
        assert send.run(arguments(target, "--config", str(config), "--listener", "pos", "--mti", "1800")) == 0
    with pytest.raises(ConfigurationError, match=r'no listener "zengin".*atms, pos'):
        send.run(arguments("127.0.0.1:1", "--config", str(config), "--listener", "zengin"))


@pytest.mark.parametrize(
    ("words", "problem"),
    [
        (["nowhere"], "HOST:PORT"),
        (["127.0.0.1:1", "--mti", "0210"], "0210"),
        (["127.0.0.1:1", "--mti", "20"], "20"),
        (["127.0.0.1:1", "--field", "999=1"], "999"),
        (["127.0.0.1:1", "--field", "three=1"], "three"),
        (["127.0.0.1:1", "--field", "3"], "N=VALUE"),
        (["127.0.0.1:1", "--field", "52=zz"], "hex"),
        (["127.0.0.1:1", "--field", "4=5000"], "write 000000005000"),
        (["127.0.0.1:1", "--field", "14=81"], "4 digits are wanted, not 2"),
        (["127.0.0.1:1", "--overlay", "no-such"], "no-such"),
    ],
)
def test_mistakes_on_the_command_line(words: list[str], problem: str) -> None:
    with pytest.raises(ConfigurationError, match=problem):
        send.run(arguments(*words))


def test_a_message_that_cannot_be_written_never_leaves() -> None:
    with listener(make_dialect()) as target, pytest.raises(ConfigurationError, match=r"fields\.3"):
        send.run(arguments(target, "--mti", "0200", "--field", "3=short"))


def test_nobody_listens() -> None:
    port = free_port()
    with pytest.raises(send.NotAnswered, match=f"127.0.0.1:{port}"):
        send.run(arguments(f"127.0.0.1:{port}"))


def test_answers_that_are_none() -> None:
    iso = make_dialect()
    for garbage in (b"HTTP/1.1 400 Bad Request\r\n\r\n", b"0004ABCD"):
        with listener(iso, answers=garbage) as target, pytest.raises(send.NotAnswered, match="cannot be read"):
            send.run(arguments(target))
    with listener(iso, answers=b"") as target, pytest.raises(send.NotAnswered, match="within 50 ms"):
        send.run(arguments(target, "--timeout-ms", "50"))
    with listener(make_dialect(frame_bytes_max=20)) as target, pytest.raises(send.NotAnswered, match=r"hung up|reset"):
        send.run(arguments(target))


def test_bare_sends_just_what_is_given() -> None:
    message = send.message_of(arguments("h:1", "--bare", "--field", "11=000007"), make_dialect(), WALL_MS)
    assert message.fields == {11: "000007"}


def test_own_fields_fit_the_dialect() -> None:
    iso = make_dialect(overlay={"fields": {"12": {"max": 12}, "13": {"used": False}}})
    message = send.message_of(arguments("h:1", "--terminal", "T1"), iso, WALL_MS)
    assert message.fields[12] == "261105010203"
    assert 13 not in message.fields
    assert message.fields[41] == "T1      "
    iso = make_dialect(version="2003")
    message = send.message_of(arguments("h:1", "--mti", "2804"), iso, WALL_MS)
    assert len(str(message.fields[11])) == 12
    assert message.fields[24] == "831"


@pytest.mark.parametrize(("mti", "again"), [("0200", "0201"), ("0220", "0221"), ("0802", "0803"), ("0201", "0201")])
def test_repeats(mti: str, again: str) -> None:
    assert send.repeated(send.message_of(arguments("h:1", "--mti", mti), make_dialect(), WALL_MS)).mti == again
