"""Twisted's own log events, told to the relay's log.

Owns one observer, installed once for the life of the process. Twisted's "info" (factories starting and stopping) is our
debug. The trap: Twisted holds its events back until somebody begins logging, and complains when that happens twice.
"""

from __future__ import annotations

from typing import cast

from twisted.logger import ILogObserver, LogEvent, LogLevel, formatEvent, globalLogBeginner

from relay.telemetry.log import get_log

_log = get_log("twisted")
_begun = False


def forward_twisted_log() -> None:
    """Install the observer; later calls change nothing."""
    global _begun
    if not _begun:
        _begun = True
        globalLogBeginner.beginLoggingTo([cast(ILogObserver, observe)], discardBuffer=True, redirectStandardIO=False)


def observe(event: LogEvent) -> None:
    """One event of Twisted as one line of ours. `log_failure`, where there is one, becomes text in the field `failure`."""
    level = event.get("log_level", LogLevel.info)
    text = formatEvent(event) or str(event.get("log_format", ""))
    namespace = str(event.get("log_namespace", "-"))
    failure = event.get("log_failure")
    if failure is not None:
        _log.error("an error nobody handled", text=text, namespace=namespace, failure=failure.getTraceback())
    elif level in (LogLevel.error, LogLevel.critical):
        _log.error("error", text=text, namespace=namespace)
    elif level is LogLevel.warn:
        _log.warning("warning", text=text, namespace=namespace)
    else:
        _log.debug("note", text=text, namespace=namespace)
