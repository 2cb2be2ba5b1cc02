"""`relay send` in another dialect than ISO 8583, against the real branch dialogue on a socket."""

from __future__ import annotations

import argparse
import json
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from protocols.branch.dialect import build_dialect, default_profile
from protocols.dialect import BytesArrived, Refuse, Send
from relay.cli import send, speak
from relay.cli.talk import EXIT_UNEXPECTED, NotAnswered
from relay.clock import SystemClock
from relay.errors import ConfigurationError
from tests.support.branchlink import BranchLink

WHO = ["--field", "bank=9901", "--field", "branch=123", "--field", "terminal=9999"]
BALANCE = [*WHO, "--type", "20", "--field", "operation=01009", "--field", "account=0000001"]


def arguments(*words: str) -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    send.configure(parser)
    return parser.parse_args(words)


@contextmanager
def listener(answers: bytes | None = None) -> Iterator[str]:
    """One connection served by the dialogue, approving everything; `answers` replaces it by plain bytes."""
    server = socket.create_server(("127.0.0.1", 0))
    server.settimeout(20)

    def serve() -> None:
        try:
            link, _ = server.accept()
        except OSError:
            return
        with link, suppress(ConnectionError):  # whoever has heard enough has hung up
            link.settimeout(20)
            branch = BranchLink(build_dialect(default_profile(), SystemClock().wall_ms))  # whoever sends goes by that clock
            while data := link.recv(65_536):
                if answers is not None:
                    if not answers:
                        return
                    link.sendall(answers)
                    continue
                actions = branch.step(BytesArrived(data))
                while branch.asked:
                    actions += branch.answer(branch.asked.pop(0))
                link.sendall(b"".join(action.data for action in actions if isinstance(action, (Send, Refuse))))

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    try:
        yield f"127.0.0.1:{server.getsockname()[1]}"
    finally:
        server.close()
        thread.join(20)
        assert not thread.is_alive()


def run(target: str, *words: str) -> int:
    return send.run(arguments(target, "--dialect", "branch-p1", "--timeout-ms", "15000", *words))


def test_an_echo_is_the_default(capsys: pytest.CaptureFixture[str]) -> None:
    with listener() as target:
        assert run(target, *WHO) == 0
    shown = capsys.readouterr().out
    assert "→ 14" in shown
    assert "← 15" in shown
    assert " ms\n" in shown


def test_a_transaction_opens_the_day_first_and_a_repeat_is_compared(capsys: pytest.CaptureFixture[str]) -> None:
    with listener() as target:
        assert run(target, *BALANCE, "--repeat", "--expect", "0000", "--json") == 0
    said = json.loads(capsys.readouterr().out)
    assert [one["name"] for one in said] == ["10", "11", "20", "21", "20", "21"]
    assert [one["is_answer"] for one in said] == [False, False, False, True, False, True]


def test_another_answer_than_expected_is_an_exit_code(capsys: pytest.CaptureFixture[str]) -> None:
    with listener() as target:
        assert run(target, *BALANCE, "--expect", "5001") == EXIT_UNEXPECTED
    assert "expected 5001, got 0000" in capsys.readouterr().out


def test_silence_a_hang_up_and_garbage_are_told_apart_and_what_was_said_stays(capsys: pytest.CaptureFixture[str]) -> None:
    with listener(b"\x00\x00\x00") as target, pytest.raises(NotAnswered, match="within 50 ms"):
        run(target, *WHO, "--timeout-ms", "50")
    with listener(b"") as target, pytest.raises(NotAnswered, match=r"hung up|reset"):
        run(target, *WHO)
    with listener(b"HTTP/1.1 400 Bad Request\r\n\r\n") as target, pytest.raises(NotAnswered, match="cannot be read"):
        run(target, *WHO)
    assert capsys.readouterr().out.count("→ 14") == 3


@pytest.mark.parametrize(
    ("words", "match"),
    [
        (["--sign-on"], "opens its session by itself"),
        (["--bare"], "opens its session by itself"),
        (["--field", "amount"], "NAME=VALUE"),
        (["--field", "=1"], "NAME=VALUE"),
        (["--type", "21"], "a terminal begins with"),
        (["--type", "20", *WHO, "--field", "operation=77777"], "取引コード"),
    ],
)
def test_what_cannot_be_said_is_told_before_anybody_is_called(words: list[str], match: str) -> None:
    with pytest.raises(ConfigurationError, match=match):
        run("127.0.0.1:1", *words)


@pytest.mark.parametrize("dialect", ["zrc", "zengin-file"])
def test_a_dialect_of_which_one_message_is_nothing_names_the_next_step(dialect: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=f"cannot speak {dialect}.*relay outbound post"):
        send.run(arguments("127.0.0.1:1", "--dialect", dialect))


def test_items_are_taken_as_they_are_typed() -> None:
    wish = speak.wish_of(arguments("127.0.0.1:1", "--field", "remark=a=b", "--type", "20", "--repeat"))
    assert (wish.message, wish.items, wish.is_repeated) == ("20", {"remark": "a=b"}, True)
