"""`relay status`: is it serving, and if not, what is wrong and where to look; on one screen, worst first.

Owns the page. It must never gather or judge: control/report.py does. The trap: whoever reads this was woken up; the first line
answers the first question in plain words, and nothing that is in order takes more than its one line.
"""

from __future__ import annotations

import argparse
import sys
import threading
from collections.abc import Iterator

import msgspec

from relay.cli import reach
from relay.cli.screen import BOLD, CLEAR_BELOW, DIM, GREEN, HOME, RED, YELLOW, Paint, count, duration, safe, size, table
from relay.cli.signatures import lone_lines
from relay.control.client import NotReachable
from relay.control.problems import Problem, problems
from relay.control.report import SILENT_MS_MAX, AddressReport, StatusReport

NAME = "status"
HELP = "the running relay on one screen"

EXIT_SERVING, EXIT_NOT_REACHABLE, EXIT_DEGRADED = 0, 1, 2
WATCH_S = 2.0
FULL_PERCENT = 100
BACK_PERCENT = 98  # of the expected sessions: a few terminals are always away
_ADDRESSES_SHOWN_MAX = 6
_SO_FAR = {  # the report's counters, as words after a number
    "approve": "approved",
    "decline": "declined",
    "doubt": "answered in doubt",
    "taken": "advices and reversals taken",
    "refused": "refused at the door",
    "refusals": "refused in all",
    "duplicates": "repeats",
}


def configure(parser: argparse.ArgumentParser) -> None:
    reach.add_arguments(parser)
    parser.add_argument("--json", action="store_true", help="everything, as one object")
    parser.add_argument("--watch", action="store_true", help="again every two seconds, until Ctrl-C")
    parser.epilog = "Exit code: 0 serving, 1 not reachable, 2 degraded (serving with a problem, draining, fenced, starting)."


def run(args: argparse.Namespace) -> int:
    client = reach.client(args)
    while True:
        try:
            report = client.status()
        except NotReachable as error:
            if not args.watch:
                raise
            lines, code = [f"NOT REACHABLE: {error.problem}", error.next_step], EXIT_NOT_REACHABLE
        else:
            lines, code = show(report, Paint.for_stream(sys.stdout)), exit_code(report)
            if args.json:
                print(msgspec.json.encode(report).decode())
        if not args.json:
            print((HOME if args.watch and sys.stdout.isatty() else "") + "\n".join(lines), end="\n")
            if args.watch and sys.stdout.isatty():
                print(CLEAR_BELOW, end="", flush=True)
        if not args.watch:
            return code
        sys.stdout.flush()
        pause()


def pause() -> None:
    """Between two looks."""
    threading.Event().wait(WATCH_S)


def exit_code(report: StatusReport) -> int:
    return EXIT_DEGRADED if any(True for _ in problems(report)) else EXIT_SERVING


def show(report: StatusReport, paint: Paint) -> list[str]:
    """The page, line by line."""
    found = list(problems(report))
    lines = [_headline(report, found, paint)]
    lines += [
        f"  {paint(RED, '!')} {safe(each.text)}" + paint(DIM, f"  → {each.next_step}" if each.next_step else "")
        for each in found
    ]
    lines += [f"  {paint(YELLOW, '*')} {text}" for text in lone_lines(report.signatures)]
    lines += [f"  {paint(YELLOW, '*')} {text}" for text in _notes(report)]
    lines += [f"  {paint(YELLOW, '*')} {text}" for text in _workers(report)]
    lines += ["", *_listeners(report, paint), "", *_core(report, paint), *_pair(report, paint), ""]
    lines += [*_durable(report, paint), *_role(report, paint), *_hours(report, paint)]
    return [*lines, "", paint(DIM, _footer(report))]


def _headline(report: StatusReport, found: list[Problem], paint: Paint) -> str:
    words = {"serving": "SERVING", "starting": "STARTING", "draining": "DRAINING", "fenced": "FENCED"}[report.state]
    colour = {"serving": GREEN, "fenced": RED}.get(report.state, YELLOW)
    if report.state == "serving" and found:
        problem = "one problem" if len(found) == 1 else f"{len(found)} problems"
        words, colour = f"SERVING, with {problem}", YELLOW
    region = f"region {report.region.region} epoch {report.region.epoch}" if report.region.region else "no region known"
    return f"{paint(BOLD + colour, words)}   relay center {report.center or '?'}, {region}, up {duration(report.uptime_ms)}"


def _notes(report: StatusReport) -> Iterator[str]:
    """What is no fault of the relay, and waits for a person all the same."""
    if report.listed:
        exchanges = "one exchange waits" if report.listed == 1 else f"{count(report.listed)} exchanges wait"
        yield f"{exchanges} for a person: relay saf list --listed"
    yield from _returning(report)
    keys = report.keys
    if keys.is_walking and sum(row.is_needed for row in keys.keys) > 1:
        looked = f"{count(keys.rekeyed)} sealed, at most {count(keys.left)} exchanges to look at"
        yield f"the journal's rows are sealed anew under key {report.keys.current}: {looked}"
    for row in keys.keys:
        if row.may_go:
            yield f"credential {safe(row.credential)} may be taken out: no row needs its key {row.key_id}"


def _returning(report: StatusReport) -> Iterator[str]:
    """A fleet that is on its way back: how far, how long still, and what holds it up."""
    back = report.reconnect
    if back.present * 100 < back.expected * BACK_PERCENT:
        percent = back.present * 100 // back.expected
        when = "nobody comes at present" if back.left_ms is None else f"all in about {duration(back.left_ms)}"
        here = f"{count(back.present)} of {count(back.expected)} expected sessions ({percent} %)"
        yield f"{here}, {back.per_s:g} per second: {when}"
    if back.gives_way:
        yield f"the door lets in {count(back.accept_per_s)} links per second only, because messages wait for the core"
    elif back.ramp_percent < FULL_PERCENT:
        pace = f"{count(back.accept_per_s)} links per second ({back.ramp_percent} %)"
        then = f"all of it in {duration(back.ramp_left_ms)}"
        if back.ramp_held_steps:
            then = f"held for {count(back.ramp_held_steps)} steps, p99 {duration(back.ramp_p99_ms)}: runbook RelayRampHeld"
        yield f"the door lets in {pace} since the last start or take-over; {then}"
    if back.waiting or back.events_waiting:
        yield f"{count(back.waiting)} connections wait at the door, {count(back.events_waiting)} events to be told to the core"


def _workers(report: StatusReport) -> Iterator[str]:
    """Where there are several: this page is one's, with its own links and its own counts."""
    if report.workers > 1:
        yield f"worker {report.worker}; {report.workers_live} of {report.workers} live"


def _listeners(report: StatusReport, paint: Paint) -> list[str]:
    if not report.listeners:
        return [paint(DIM, "no listeners")]
    rows = [["listener", "links", "signed on", "dialect", "endpoint"]]
    for each in report.listeners:
        name = each.name + ("" if each.is_open else " (down)")
        expected = f" of {count(each.expected)}" if each.expected else ""
        rows.append([name, count(each.links), count(each.signed_on) + expected, each.dialect, each.endpoint])
    lines = table(rows, right=(1, 2))
    return [paint(DIM, lines[0]), *lines[1:]]


def _core(report: StatusReport, paint: Paint) -> list[str]:
    core = report.core
    dns = "DNS never answered" if not core.addresses else "an address, no DNS needed"
    if core.dns_answer_age_ms is not None:
        dns = f"DNS answer {duration(core.dns_answer_age_ms)} old"
    permit = "may be asked" if report.region.has_permit else paint(RED, "may not be asked")
    if report.region.silent_ms >= SILENT_MS_MAX:
        permit += paint(RED, f", no answer for {duration(report.region.silent_ms)}")
    calls = f"{count(core.inflight)} of {count(core.inflight_target)} in flight"
    queued = f"{count(core.queue)} of {count(core.queue_max)} queued"
    lines = [f"{paint(DIM, 'core    ')}{core.name or '?'}: {permit}; {calls}, {queued}; {dns}"]
    rows = [["        " + each.address, _health(each), f"{count(each.inflight)} in flight"] for each in core.addresses]
    lines += table(rows[:_ADDRESSES_SHOWN_MAX])
    hidden = len(rows) - _ADDRESSES_SHOWN_MAX
    return [*lines, *([f"        and {hidden} more"] if hidden > 0 else [])]


def _pair(report: StatusReport, paint: Paint) -> list[str]:
    pair = report.pair
    if not pair.peer:
        return []
    heard = "never heard" if pair.other.age_ms is None else f"heard {duration(pair.other.age_ms)} ago"
    paths = ", ".join(f"{path.name} {path.state}" for path in pair.paths)
    return [f"{paint(DIM, 'pair    ')}{safe(f'{pair.peer}: {pair.finding}; {heard}; {paths}; core calls {pair.way}')}"]


def _hours(report: StatusReport, paint: Paint) -> list[str]:
    """What is served now, of what has hours of service; on the bank's own clock."""
    told = []
    for row in report.hours:
        text = f"{'line ' if row.is_line else ''}{safe(row.name)} {'open' if row.is_open else 'closed'}"
        text += f" until {row.changes_at}" if row.changes_at else " always" if row.is_open else ", and never opens"
        told.append(text if row.is_open else paint(YELLOW, text))
    return [f"{paint(DIM, 'hours   ')}{'; '.join(told)}"] if told else []


def _health(address: AddressReport) -> str:
    return address.health + (f" ({count(address.failures)} failures in a row)" if address.failures else "")


def _durable(report: StatusReport, paint: Paint) -> list[str]:
    journal = report.journal
    state = journal.state if journal.state == "writable" else paint(RED, journal.state)
    states = ", ".join(f"{count(number)} {name}" for name, number in sorted(report.exchanges.items()) if number) or "none"
    owed = f"{count(report.owed)}, the oldest for {duration(report.owed_oldest_ms)}" if report.owed else "nothing"
    waiting = f"{count(journal.waiting)} records waiting"
    lines = [
        f"{paint(DIM, 'journal ')}{state}, {size(journal.size_bytes)}, {waiting}  {journal.path}",
        f"{paint(DIM, 'open    ')}{states}",
        f"{paint(DIM, 'owed    ')}{owed}",
    ]
    outbound = report.outbound
    if outbound.endpoint or outbound.queued or outbound.under_way or outbound.unknown or outbound.reports_owed:
        oldest = f", the oldest for {duration(outbound.oldest_queued_ms)}" if outbound.queued else ""
        waits = f"{count(outbound.queued)} queued{oldest}, {count(outbound.under_way)} under way"
        ended = f"{count(outbound.unknown)} unknown, {count(outbound.reports_owed)} reports owed"
        lines.append(f"{paint(DIM, 'outbound ')}{waits}, {ended}  {outbound.endpoint or 'not served'}")
    for line in report.exclusive:
        where = f", held by {safe(line.holder)}" if line.holder else ""
        token = f" under token {line.token}" if line.token else ""
        lines.append(f"{paint(DIM, 'line    ')}{line.line}: {line.state}{token}{where}")
    if report.counters:
        since = ", ".join(f"{count(number)} {_SO_FAR.get(name, name)}" for name, number in report.counters.items())
        lines.append(f"{paint(DIM, 'so far  ')}{since}")
    return lines


def _role(report: StatusReport, paint: Paint) -> list[str]:
    """Where there is no service address, nothing."""
    each = report.announce
    return [f"{paint(DIM, 'role    ')}{safe(each.role)}: {safe(each.why)}  {', '.join(each.addresses)}"] if each.is_used else []


def _footer(report: StatusReport) -> str:
    return f"relay {report.version}, incarnation {report.incarnation}, pid {report.pid}, {report.config_path}"
