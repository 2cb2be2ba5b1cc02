"""`relay region`: which region is active and why; pin, seal, block; and the signed record for whoever edits the zone.

Owns the words typed and the rows printed. It must never decide. The traps: `record make` signs a claim that moves the bank to
another region, so that it prints what it means beside what to paste; and `seal`, `block` and `pin` stop or move money, so
that who and why have no default.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator

import msgspec

from relay.cli import reach
from relay.cli.screen import duration, safe, table
from relay.cli.signatures import EXIT_WORDS, tell
from relay.cli.when import parse_moment, show_moment
from relay.clock import SystemClock
from relay.control import regions as c
from relay.control.report import Done
from relay.credentials import Credentials
from relay.errors import ConfigurationError, RelayError
from relay.region.record import Malformed, RegionRecord, format_record, parse_record

NAME = "region"
HELP = "the active region: status, pin, seal, block, and the signed record in DNS"
DEEDS_SHOWN = 10


def configure(parser: argparse.ArgumentParser) -> None:
    reach.add_arguments(parser)
    what = parser.add_subparsers(dest="what", metavar="WHAT", required=True)

    status = what.add_parser("status", help="what is known, and from whom", description="What is known, and from whom.")
    status.add_argument("--json", action="store_true", help="one object")

    pin = what.add_parser("pin", help="hold the relay at a region", description="No name server moves it until the pin ends.")
    pin.epilog = EXIT_WORDS
    pin.add_argument("region", metavar="REGION", help="as configured in region.regions")
    pin.add_argument(
        "--epoch", type=int, default=0, metavar="N", help="under this epoch (default: the known one; never a lower)"
    )
    pin.add_argument("--hours", type=float, default=1.0, metavar="H", help="for so long (default 1, at most 72)")
    pin.add_argument("--second", required=True, help="the second person who signs")
    _sign(pin)

    _sign(what.add_parser("unpin", help="the name servers decide again", description="The name servers decide again."))

    for name, text in (
        ("seal", "say nothing more in an epoch; answered when it is durable and nothing is under way"),
        ("unseal", "take the seal away: the same epoch is spoken in again"),
    ):
        sealing = what.add_parser(name, help=text, description=f"{text[0].upper()}{text[1:]}.")
        sealing.add_argument("epoch", type=int, metavar="EPOCH", help="the known epoch, as in `relay region status`")
        _sign(sealing)

    for name, text in (("block", "suspend classes of messages"), ("release", "take a block away")):
        blocking = what.add_parser(name, help=text, description=f"{text[0].upper()}{text[1:]}.")
        blocking.add_argument("classes", nargs="+", metavar="CLASS", help="atm, branch, zengin (partner), inquiry, or all")
        if name == "release":
            blocking.add_argument(
                "--despite-tail", action="store_true", help="although what the old region lost has not all been asked for"
            )
        _sign(blocking)

    tail = what.add_parser(
        "tail",
        help="say how far behind the new region's database was",
        description="Asks anew for what the old region confirmed since then, and delivers what is missing.",
    )
    since = tail.add_mutually_exclusive_group(required=True)
    since.add_argument(
        "--from", dest="from_text", metavar="TIME", help="the last position that was copied, like 2026-11-24T15:30"
    )
    since.add_argument("--lag-ms", type=int, metavar="N", help="so far behind the old region's last word, milliseconds")
    _sign(tail)

    record = what.add_parser("record", help="make or check the signed record", description="The signed record of the zone.")
    doing = record.add_subparsers(dest="doing", metavar="WHAT", required=True)
    make = doing.add_parser(
        "make", help="what to put into the zone", description="Signs a record with the first configured key."
    )
    make.add_argument("file", metavar="CONFIG", help="configuration whose [region] names the record, the regions and the key")
    make.add_argument(
        "--epoch", type=int, required=True, metavar="N", help="one more than the last, which was never used before"
    )
    make.add_argument("--region", required=True, dest="name", metavar="REGION", help="as in region.regions")
    make.add_argument("--run", required=True, dest="run_id", metavar="ID", help="the failover run that decided so")
    make.add_argument("--ttl", type=int, default=5, metavar="S", help="for other readers (default 5 seconds)")
    check = doing.add_parser("check", help="what a text of the zone says", description="Whether a TXT text is ours.")
    check.add_argument("file", metavar="CONFIG", help="as for make")
    check.add_argument("text", metavar="TEXT", help="the text of the TXT record")


def _sign(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--who", required=True, help="the person who signs")
    parser.add_argument("--why", required=True, help="the reason, for the record")


def run(args: argparse.Namespace) -> int:
    if args.what == "record":
        return _make(args) if args.doing == "make" else _check(args)
    client = reach.client(args)
    if args.what == "status":
        report = client.region_status()
        print(msgspec.json.encode(report).decode() if args.json else "\n".join(_lines(report)))
        return 0
    return tell(_decide(args))


def _decide(args: argparse.Namespace) -> Done:
    client, who, why = reach.client(args), args.who, args.why
    match args.what:
        case "pin":
            minutes = round(args.hours * 60)
            if not 1 <= minutes <= c.PIN_MINUTES_MAX:
                raise RelayError("a pin lasts from one minute to 72 hours.", "Give --hours.")
            pin = c.RegionPinArgs(region=args.region, epoch=args.epoch, minutes=minutes, who=who, second=args.second, why=why)
            return client.region_pin(pin)
        case "unpin":
            return client.region_unpin(c.RegionUnpinArgs(who=who, why=why))
        case "seal":
            return client.region_seal(c.RegionSealArgs(epoch=args.epoch, who=who, why=why))
        case "unseal":
            return client.region_unseal(c.RegionSealArgs(epoch=args.epoch, who=who, why=why))
        case "block":
            return client.region_block(c.RegionBlockArgs(classes=tuple(args.classes), who=who, why=why))
        case "tail":
            from_ms = 0 if args.from_text is None else _moment(args.from_text)
            return client.region_tail(c.RegionTailArgs(from_ms=from_ms, lag_ms=args.lag_ms or 0, who=who, why=why))
        case _:
            classes = tuple(args.classes)
            return client.region_release(c.RegionReleaseArgs(classes=classes, despite_tail=args.despite_tail, who=who, why=why))


def _moment(text: str) -> int:
    try:
        return parse_moment(text, SystemClock().wall_ms())
    except argparse.ArgumentTypeError as error:
        raise RelayError(f"{error}.") from error


# ---- the record -------------------------------------------------------------------------------------------------------------
def _make(args: argparse.Namespace) -> int:
    from relay.configuration.regions import parse_region  # with the models of the configuration: see reach.py

    settings = reach.settings_of(args.file)
    region = settings.region
    targets = dict(map(parse_region, region.regions))
    if args.name not in targets:
        raise ConfigurationError(f"no region {args.name} is configured.", f"There are: {', '.join(targets) or 'none'}.")
    if not region.mac_credentials:
        raise ConfigurationError("no key is configured to sign with.", "See region.mac_credentials.")
    try:
        record = RegionRecord(args.epoch, args.name, args.run_id)
    except ValueError as error:
        raise ConfigurationError(f"{error}.") from error
    key = Credentials(settings.relay.credentials_directory).mac_key(region.mac_credentials[0])
    text = format_record(record, region.record_name, key)
    print(f"; epoch {record.epoch}: {record.region} is the active region. One update for all of it, never half.")
    if region.alias_name is not None:
        print(f"{_absolute(region.alias_name)} {args.ttl} IN CNAME {_absolute(targets[args.name])}")
    print(f'{_absolute(region.record_name)} {args.ttl} IN TXT "{text}"')
    return 0


def _check(args: argparse.Namespace) -> int:
    settings = reach.settings_of(args.file)
    region, credentials = settings.region, Credentials(settings.relay.credentials_directory)
    keys = [credentials.mac_key(name) for name in region.mac_credentials]
    read = parse_record([args.text.encode("utf-8", "replace")], region.record_name, keys)
    if isinstance(read, Malformed):
        raise ConfigurationError(f"this is no record of {region.record_name}: {read.value}.", "docs/region.md has the form.")
    print(f"epoch {read.epoch}: {read.region} is the active region, said by run {read.run}")
    return 0


def _absolute(name: str) -> str:
    return name if name.endswith(".") else f"{name}."


# ---- the status -------------------------------------------------------------------------------------------------------------
def _lines(report: c.RegionsReport) -> Iterator[str]:
    asked = "may be asked" if report.has_permit else "may not be asked"
    who = f"{report.region} under epoch {report.epoch}" if report.region else f"no region known, epoch {report.epoch}"
    yield f"active  {safe(who)}, {asked}{safe(f': {report.detail}' if report.detail else '')}"
    yield "source  " + ("the core's own word" if report.source == "core" else f"DNS, run {safe(report.run or '-')}")
    if report.sealed_epoch:
        yield f"sealed  epoch {report.sealed_epoch} and below"
    if report.blocked:
        yield f"blocked {', '.join(report.blocked)}"
    for name, text in (("pinned", report.pinned), ("FROZEN", report.frozen), ("named", report.candidate)):
        if text:
            yield f"{name:<8}{safe(text)}"
    if report.source == "dns":
        age = duration(report.unconfirmed_ms)
        yield f"age     {'STALE, ' if report.is_stale else ''}last confirmed by a name server {age} ago"
    if report.tail.epoch:
        yield from _tail(report.tail)
    if report.servers:
        yield ""
        yield from table([["name server", "said"], *([row.server, row.result] for row in report.servers)])
    if report.sites:
        yield ""
        yield from table([["region", "addresses", "says", "epoch", "state", "for", "clock"], *map(_site, report.sites)])
    if report.deeds:
        yield ""
        for deed in report.deeds[-DEEDS_SHOWN:]:
            signed = f"{deed.who} and {deed.second}" if deed.second else deed.who
            yield safe(f"{show_moment(deed.at_ms)}  {deed.what}, by {signed}: {deed.why}")


def _tail(tail: c.TailRow) -> Iterator[str]:
    counts = f"{tail.asked:,} asked, {tail.missing:,} missing, {tail.mended:,} mended, {tail.listed:,} for a person"
    if tail.is_finished:
        when = f"replayed at {show_moment(tail.finished_ms)}"
    elif tail.since_ms:
        when = f"NOT REPLAYED YET, {tail.left:,} rows left"
    else:
        when = "NOT REPLAYED YET"
    since = f", from {show_moment(tail.since_ms)}" if tail.since_ms else ""
    yield safe(f"tail    of epoch {tail.epoch}: {when}; {counts}")
    yield safe(f"        {tail.evidence}{since}{f'; {tail.trouble}' if tail.trouble else ''}")


def _site(site: c.SiteRow) -> list[str]:
    epoch = str(site.said_epoch) if site.said_epoch else "-"
    shown = [site.name, ", ".join(site.addresses) or f"none of {site.address_name}", site.result or "not asked yet"]
    clock = "-" if site.skew_ms is None else "same" if not site.skew_ms else f"{site.skew_ms / 1_000:+.1f} s"
    return [safe(cell) for cell in [*shown, epoch, site.said_state or "-", duration(site.since_ms), clock]]
