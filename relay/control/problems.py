"""What the daemon's answers mean for an operator: everything that makes it less than healthy, worst first.

Owns the judgement and its words, each with the page that says what to do. It must never gather anything, nor know how it is
shown. The trap: what heals by itself within seconds is no problem, or the page is never green.
"""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from relay.control.announce import announce_problems
from relay.control.pair import pair_words
from relay.control.report import OWED_AGE_MS_MAX, SILENT_MS_MAX, RegionReport, StatusReport


class Problem(msgspec.Struct, frozen=True):
    """Something an operator acts on: what is wrong, and where to look."""

    text: str
    next_step: str = ""


def problems(report: StatusReport) -> Iterator[Problem]:
    """Everything that makes this relay less than healthy, worst first. Nothing: it serves."""
    if report.state == "fenced":
        yield Problem(f"fenced: {report.why or 'it takes no money messages'}", "runbook: RelayJournalFailed")
    elif report.state == "draining":
        yield Problem(f"draining: {report.why or 'it stops when the exchanges in flight are done'}")
    elif report.state == "starting":
        yield Problem("starting: it does not serve yet")
    if report.journal.state == "failed":
        yield Problem("the journal failed: nothing can be made durable", "runbook: RelayJournalFailed")
    elif report.journal.state == "full":
        yield Problem(
            f"nothing can be written to {report.journal.path}: money messages are refused", "runbook: RelayJournalNotWritable"
        )
    if report.workers_live < report.workers:
        gone = report.workers - report.workers_live
        yield Problem(f"{gone} of {report.workers} workers do not live", "runbook: RelayWorkerGone")
    yield from _region_problems(report.region)
    yield from _core_problems(report)
    for text, next_step in announce_problems(report.announce) if report.state == "serving" else ():
        yield Problem(text, next_step)
    yield from (Problem(*words) for words in pair_words(report.pair))
    if report.keys.why:
        yield Problem(f"rows still need an older key of the journal: {report.keys.why}", "runbook: RelayJournalRekeyFailed")
    yield from _exclusive_problems(report)
    shut = {name for line in report.exclusive if line.state not in ("held", "by-hand") for name in line.links}
    for listener in report.listeners:
        if not listener.is_open and listener.name not in shut and listener.channel not in report.drained:
            what, next_step = "does not listen", ""
            if listener.is_dialer:
                what = "is not connected"
                next_step = "the log's `dial failed` says why; it dials again by itself, a far end that is down is theirs"
            yield Problem(f"{listener.name} {what} ({listener.endpoint})", next_step)
    if report.owed_oldest_ms > OWED_AGE_MS_MAX:
        yield Problem(
            f"{report.owed} owed to the core, the oldest for {report.owed_oldest_ms // 60_000} minutes",
            "runbook: RelayOwedMessagesOld",
        )
    outbound = report.outbound
    if outbound.unknown:
        yield Problem(
            f"{outbound.unknown} outbound deliver{'y' if outbound.unknown == 1 else 'ies'} unknown: a person finds out",
            "runbook: RelayOutboundUnknown",
        )
    if outbound.reports_oldest_ms > OWED_AGE_MS_MAX:
        yield Problem(
            f"{outbound.reports_owed} delivery reports owed to the core, the oldest for "
            f"{outbound.reports_oldest_ms // 60_000} minutes",
            "runbook: RelayOutboundReportsOld",
        )


def _exclusive_problems(report: StatusReport) -> Iterator[Problem]:
    """A standby is no problem; a line that nobody may take by himself is."""
    if report.drained and report.state == "serving":
        yield Problem(f"drained by people: {', '.join(report.drained)}", "relay drain status; runbook: RelayDrained")
    for line in report.exclusive:
        if line.state == "fault":
            yield Problem(f"exclusive line {line.line} is in FAULT: {line.why}", "runbook: RelayExclusiveLineFault")
        elif line.state == "by-hand":
            yield Problem(
                f"exclusive line {line.line} is held by people's word: {line.why}", "runbook: RelayExclusiveLineByHand"
            )
        elif line.state == "idle" and not report.drained:
            yield Problem(f"exclusive line {line.line} is not wanted here: {line.why}", "relay lease status")


def _region_problems(region: RegionReport) -> Iterator[Problem]:
    """What people decided about the region, and what the name servers say against it: loud as long as it lasts."""
    if region.sealed_epoch and region.sealed_epoch >= region.epoch:
        yield Problem(f"epoch {region.sealed_epoch} is sealed: nothing is asked in it", "runbook: RelayRegionSealed")
    if region.blocked:
        yield Problem(f"suspended by people: {', '.join(region.blocked)}", "relay region status; runbook: RelayClassBlocked")
    if region.frozen:
        yield Problem(f"frozen: {region.frozen}", "runbook: RelayRegionFrozen")
    if region.pinned:
        yield Problem(f"pinned: {region.pinned}", "runbook: RelayRegionPinned")
    if region.is_stale:
        yield Problem(f"no name server confirms {region.region or 'any region'}", "runbook: RelayRegionStale")


def _core_problems(report: StatusReport) -> Iterator[Problem]:
    """Of the core and its region: a cause is told once, by the word that says most."""
    region, addresses = report.region, report.core.addresses
    is_serving = report.state == "serving"
    is_silent = is_serving and bool(addresses) and region.silent_ms >= SILENT_MS_MAX
    if is_silent:
        yield Problem(
            f"the core has not answered for {region.silent_ms // 1_000} s: money messages are refused or end in doubt",
            "runbook: RelayCoreUnreachable",
        )
    if is_serving and not region.has_permit and (region.detail or (addresses and not is_silent)):
        yield Problem(
            f"the core may not be asked: {region.detail or 'no region has answered yet'}", "runbook: RelayRegionNotServing"
        )
    elif is_serving and region.detail:
        yield Problem(f"an answer of the core's region is not believed: {region.detail}", "runbook: RelayRegionNotServing")
    if not is_silent and addresses and not any(address.health == "healthy" for address in addresses):
        yield Problem(f"no address of {report.core.name} is healthy", "runbook: RelayCoreUnreachable")
    if not addresses and is_serving:
        yield Problem(
            f"no address of {report.core.name or 'the core'} is known", "is DNS answering? runbook: RelayCoreUnreachable"
        )
