"""Twisted's events come out as lines of the relay's log."""

from __future__ import annotations

import logging

import pytest
from twisted.logger import Logger
from twisted.python.failure import Failure

from relay.telemetry.twisted_log import forward_twisted_log


@pytest.fixture
def told(caplog: pytest.LogCaptureFixture) -> pytest.LogCaptureFixture:
    forward_twisted_log()
    forward_twisted_log()  # twice is once: each line below comes out a single time
    caplog.set_level(logging.DEBUG, "relay")
    return caplog


@pytest.mark.parametrize(("said", "written"), [("debug", 10), ("info", 10), ("warn", 30), ("error", 40), ("critical", 40)])
def test_levels(told: pytest.LogCaptureFixture, said: str, written: int) -> None:
    getattr(Logger("factory"), said)("port {port} is odd", port=8583)
    (record,) = told.records
    assert record.levelno == written
    assert record.name == "relay.twisted"
    assert vars(record)["fields"] == {"text": "port 8583 is odd", "namespace": "factory"}


def test_a_failure_nobody_handled_keeps_its_traceback(told: pytest.LogCaptureFixture) -> None:
    try:
        raise KeyError("lost")
    except KeyError:
        Logger("deferred").failure("Unhandled error in Deferred", Failure())
    (record,) = told.records
    assert record.levelno == logging.ERROR
    assert "KeyError" in vars(record)["fields"]["failure"]
