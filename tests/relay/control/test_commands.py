"""The table of commands: every row decodes what a tool may send and refuses what it may not."""

from __future__ import annotations

import msgspec
import pytest

from relay.control.commands import (
    COMMANDS,
    ROWS_MAX,
    CommandArgs,
    ControlAnswer,
    LinksArgs,
    LogLevelArgs,
    OutboundListArgs,
    OutboundPostArgs,
    OutboundSettleArgs,
    OutboundSignedArgs,
    ResolveArgs,
    RevealArgs,
)
from relay.control.failovercommands import FAILOVER_COMMANDS
from relay.control.report import StatusReport

TOKEN = b"0" * 32
ALL = COMMANDS | FAILOVER_COMMANDS


@pytest.mark.parametrize("name", ALL)
def test_every_answer_has_defaults_and_a_json_form(name: str) -> None:
    spec = ALL[name]
    answer = spec.answer()
    assert msgspec.json.decode(msgspec.json.encode(answer), type=spec.answer) == answer


def test_only_what_changes_nothing_is_left_out_of_the_log() -> None:
    silent = {name for name, spec in ALL.items() if not spec.changes}
    lists = {
        "status",
        "links",
        "listed",
        "parked",
        "pressure",
        "pace",
        "audit",
        "saf-list",
        "saf-show",
        "outbound-list",
        "outbound-show",
    }
    failover = {"failover-status", "failover-room", "failover-check", "failover-report"}
    assert silent == {
        *lists,
        *failover,
        "takeover-status",
        "reconcile-report",
        "region-status",
        "announce-status",
        "lease-status",
        "drain-status",
    }


@pytest.mark.parametrize(
    ("args", "line"),
    [
        (LinksArgs, b'{"count_max": 0}'),
        (LinksArgs, b'{"count_max": %d}' % (ROWS_MAX + 1)),
        (ResolveArgs, b'{"key": "K", "who": "", "why": "x"}'),
        (ResolveArgs, b'{"key": "K", "who": "Sato"}'),
        (ResolveArgs, b'{"key": "K", "who": "Sato", "why": "' + b"x" * 1_001 + b'"}'),
        (LogLevelArgs, b'{"level": "trace"}'),
        (CommandArgs, b'{"name": "format-disk"}'),
        (OutboundListArgs, b'{"state": "lost"}'),
        (OutboundSignedArgs, b'{"key": "K", "who": "", "why": "x"}'),
        (OutboundSettleArgs, b'{"key": "K", "state": "queued", "who": "S", "why": "x"}'),
        (OutboundPostArgs, b'{"key": "a b", "listener": "atm", "kind": "echo"}'),
        (RevealArgs, b'{"token": "%s", "who": "S", "reason": "", "asked": "x", "exchange_ids": [1], "place": "p"}' % TOKEN),
        (RevealArgs, b'{"token": "%s", "who": "S", "reason": "r", "asked": "x", "exchange_ids": [], "place": "p"}' % TOKEN),
        (RevealArgs, b'{"token": "x", "who": "S", "reason": "r", "asked": "x", "exchange_ids": [1], "place": "p"}'),
    ],
)
def test_what_no_tool_may_send(args: type[msgspec.Struct], line: bytes) -> None:
    with pytest.raises(msgspec.ValidationError):
        msgspec.json.decode(line, type=args)


def test_limits_are_reached() -> None:
    assert msgspec.json.decode(b'{"count_max": %d}' % ROWS_MAX, type=LinksArgs).count_max == ROWS_MAX
    why = "x" * 1_000
    assert msgspec.json.decode(msgspec.json.encode({"key": "K", "who": "S", "why": why}), type=ResolveArgs).why == why


def test_an_answer_or_a_problem_but_not_the_shape_of_both() -> None:
    assert msgspec.json.encode(ControlAnswer(problem="no")) == b'{"problem":"no"}'
    raw = msgspec.Raw(msgspec.json.encode(StatusReport()))
    assert msgspec.json.encode(ControlAnswer(answer=raw)).startswith(b'{"answer":{')
