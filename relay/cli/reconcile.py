"""`relay reconcile`: sweep a business date now, print a report, sign it.

Owns the words typed. It must never make a report: the daemon does. The trap: a signature is an audit trail, so name and remark
have no default.
"""

from __future__ import annotations

import argparse

from relay.cli import reach
from relay.cli.screen import safe
from relay.control.commands import ReconcileNowArgs, ReconcileReportArgs, ReconcileSignArgs

NAME = "reconcile"
HELP = "the journal against the core's ledger: now, report, sign"


def configure(parser: argparse.ArgumentParser) -> None:
    reach.add_arguments(parser)
    what = parser.add_subparsers(dest="what", metavar="WHAT", required=True)
    now = what.add_parser("now", help="sweep a business date", description="Sweep a business date.")
    now.add_argument("--date", default="", metavar="YYYY-MM-DD", help="default: the day that runs")
    report = what.add_parser("report", help="print a report", description="Print a report.")
    report.add_argument("number", nargs="?", type=int, default=0, metavar="N", help="default: the newest")
    report.add_argument("--html", action="store_true", help="one self-contained page, to print and sign")
    report.add_argument("--json", action="store_true", help="one object")
    sign = what.add_parser("sign", help="sign a report", description="Sign a report; it never changes afterwards.")
    sign.add_argument("number", type=int, metavar="N", help="as in the report")
    sign.add_argument("--who", required=True, help="the person who signs")
    sign.add_argument("--why", required=True, help="the remark: what was found out and done")


def run(args: argparse.Namespace) -> int:
    client = reach.client(args)
    if args.what == "now":
        print(safe(client.reconcile_now(ReconcileNowArgs(business_date=args.date)).text))
    elif args.what == "sign":
        print(safe(client.reconcile_sign(ReconcileSignArgs(number=args.number, who=args.who, why=args.why)).text))
    elif args.html:
        print(client.reconcile_report(ReconcileReportArgs(number=args.number, form="html")).text, end="")
    elif args.json:
        print(client.reconcile_report(ReconcileReportArgs(number=args.number, form="json")).text)
    else:
        print(client.reconcile_report(ReconcileReportArgs(number=args.number)).text, end="")
    return 0
