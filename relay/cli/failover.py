"""`relay failover`: the regional failover run from a terminal: check, serve, declare, approve, deny, hold, abort, status,
report.

Owns the words typed. It must never decide, and never guess which run is meant: the one that the status shows is named in
each call. The traps: at three in the morning there is only ssh, so everything that the console can do is here; and an
approval signs what was seen, so its digits come from the status page and have no default.
"""

from __future__ import annotations

import argparse
import getpass
import os
import re
import secrets
from pathlib import Path
from urllib.parse import quote

import msgspec

from relay.cli import reach
from relay.cli.failoverpage import lines_of
from relay.cli.screen import safe
from relay.cli.signatures import EXIT_WORDS, tell
from relay.control import failover as c
from relay.control.client import ControlClient, NotReachable, Refused
from relay.control.failoverclient import FailoverClient
from relay.control.report import Done
from relay.errors import ConfigurationError
from relay.failover.codes import SECRET_BYTES, secret_text
from relay.failover.cosign import LoneRow
from relay.failover.people import hash_code
from relay.failover.plan import parse_plan, version_of
from relay.failover.plancheck import check_plan
from relay.places import FAILOVER_SOCKET

NAME = "failover"
HELP = "the regional failover: check, declare, approve, deny, hold, abort, status, report"
RELAY_MS = 2_000  # the relay is asked for its own half-signed commands; one that hangs does not keep this page
CODE_GROUPS, CODE_LETTERS = 5, "ABCDEFGHJKLMNPQRSTUVWXYZ23456789"


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--socket", metavar="PATH", help=f"the orchestrator's (default: $RELAY_FAILOVER_SOCKET, else {FAILOVER_SOCKET})"
    )
    what = parser.add_subparsers(dest="what", metavar="WHAT", required=True)

    def verb(name: str, text: str) -> argparse.ArgumentParser:
        return what.add_parser(name, help=text, description=f"{text[0].upper()}{text[1:]}.")

    serve = verb("serve", "be the orchestrator of this center, until SIGTERM")
    serve.add_argument("file", metavar="FILE", help="its configuration: config/orchestrator/example.toml")

    check = verb("check", "what is wrong with a plan, on paper and against the real environment")
    check.add_argument("plan", metavar="PLAN", help="a plan file")
    check.add_argument("--paper", action="store_true", help="on paper only: no orchestrator is asked")

    status = verb("status", "the run on one page: gate, evidence, the bank's day, clock, steps, log")
    status.add_argument("--json", action="store_true", help="one object; what waits at the relay is in relay status --json")

    report = verb("report", "the report of the newest run")
    report.add_argument("--html", action="store_true", help="one page instead of JSON")
    report.add_argument("--output", metavar="FILE", help="write it there")

    declare = verb("declare", "a failure is declared: preparation begins, gate 1 opens")
    declare.add_argument("plan", metavar="PLAN", help="a plan file")
    declare.add_argument("--role", required=True, help="the role in which it is declared")
    declare.add_argument("--epoch", type=int, default=0, help="the epoch that ends, where no relay can say it")
    _sign(declare)

    for name, text in (("approve", "approve a gate on the evidence that was seen"), ("deny", "deny a gate")):
        gate = verb(name, text)
        _gate(gate)
        gate.add_argument("--role", required=True, help="the role in which it is decided")
        if name == "approve":
            gate.add_argument("--seen", required=True, metavar="DIGITS", help="what the status shows beside the gate")
        _sign(gate)
    withdraw = verb("withdraw", "take back an approval of a gate that is still open")
    _gate(withdraw)
    _sign(withdraw)
    glass = verb("break-glass", "pass a gate alone, with a sealed code; everybody is told")
    _gate(glass)
    glass.add_argument("--seen", required=True, metavar="DIGITS", help="what the status shows beside the gate")
    _sign(glass)

    for name, text in (
        ("hold", "begin nothing new"),
        ("resume", "go on after a hold"),
        ("abort", "call it off and take back what was done; not after the promotion"),
        ("escalate", "call people, once a minute at most"),
        ("adopt", "this center's orchestrator goes on with the run"),
    ):
        one = verb(name, text)
        if name == "adopt":
            one.add_argument("--second", default="", help="the second who signs that the other orchestrator has stopped")
            one.epilog = EXIT_WORDS
        _sign(one)

    step = verb("step", "answer for a step: waived, by-hand (two sign), again; or tick a line of its checklist")
    step.epilog = EXIT_WORDS
    step.add_argument("how", choices=("waived", "by-hand", "again", "tick"))
    step.add_argument("step", metavar="STEP", help="as the status names it")
    step.add_argument("--line", type=int, default=0, help="of the checklist")
    step.add_argument("--second", default="", help="the second who signs")
    step.add_argument("--undo", action="store_true", help="of what is taken back")
    _sign(step, "what was seen or done")

    say = verb("say", "what people know: batch-checkpoint, accept-loss (two), alone (two), zengin, remark")
    say.epilog = EXIT_WORDS
    say.add_argument("topic", choices=("batch-checkpoint", "accept-loss", "alone", "zengin", "remark"))
    say.add_argument("--second", default="", help="the second who signs")
    _sign(say, "what is so")

    aside = verb("lay-aside", "say of a run whose log is damaged that it is over; two sign who have looked at what it did")
    aside.epilog = EXIT_WORDS
    aside.add_argument("damaged", metavar="RUN", help="as the status names it")
    aside.add_argument("--seen", required=True, metavar="DIGITS", help="of the damaged file, as the status shows them")
    aside.add_argument("--second", required=True, help="the second who signs")
    _sign(aside, "what was looked at, and what was found")

    verb("seal-code", "make a code for a sealed envelope, and what the configuration keeps of it")
    phone = verb("authenticator", "make the secret of one person's authenticator, with which the console is believed")
    phone.add_argument("name", metavar="NAME", help="the person, as the orchestrator's configuration has them")


def _gate(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("gate", type=int, choices=(1, 2, 3), help="which gate")


def _sign(parser: argparse.ArgumentParser, why: str = "the reason, for the record") -> None:
    parser.add_argument("--who", required=True, help="your name, as the orchestrator's configuration has it")
    parser.add_argument("--why", required=True, help=why)


def run(args: argparse.Namespace) -> int:
    match args.what:
        case "serve":
            from relay.orchestrator.serve import serve  # what acts, and its libraries: not for who asks
            from relay.orchestrator.settings import load_settings

            return serve(load_settings(args.file))
        case "seal-code":
            return _seal_code()
        case "authenticator":
            return _authenticator(args.name)
        case "check" if args.paper:
            return _paper(_text(args.plan))
    client = FailoverClient(args.socket or os.environ.get("RELAY_FAILOVER_SOCKET") or FAILOVER_SOCKET)
    match args.what:
        case "check":
            return _checked(client.check(c.FailoverCheckArgs(plan_text=_text(args.plan))))
        case "status":
            view = client.view()
            print(msgspec.json.encode(view).decode() if args.json else "\n".join(lines_of(view, _at_the_relay())))
            return 0
        case "report":
            return _report(client, args)
    return tell(_told(client, args))


def _told(client: FailoverClient, args: argparse.Namespace) -> Done:
    if args.what == "declare":
        asked = c.FailoverDeclareArgs(plan_text=_text(args.plan), who=args.who, role=args.role, why=args.why, epoch=args.epoch)
        return client.declare(asked)
    if args.what == "lay-aside":
        signed = {"who": args.who, "second": args.second, "why": args.why}
        return client.lay_aside(c.FailoverLayAsideArgs(run=args.damaged, seen=args.seen, **signed))
    run = client.view().run
    if not run:
        raise ConfigurationError("no run was declared here.", "relay failover declare PLAN")
    match args.what:
        case "hold" | "resume" | "abort" | "escalate":
            return client.change_run(c.FailoverRunArgs(how=args.what, run=run, who=args.who, why=args.why))
        case "adopt":
            return client.change_run(c.FailoverRunArgs(how="adopt", run=run, who=args.who, second=args.second, why=args.why))
        case "step":
            return client.step(
                c.FailoverStepArgs(
                    how=args.how,
                    run=run,
                    step=args.step,
                    who=args.who,
                    second=args.second,
                    line=args.line,
                    saw=args.why,
                    undo=args.undo,
                )
            )
        case "say":
            return client.say(c.FailoverSayArgs(topic=args.topic, run=run, text=args.why, who=args.who, second=args.second))
        case _:
            code = getpass.getpass("the code of the sealed envelope: ") if args.what == "break-glass" else ""
            return client.gate(
                c.FailoverGateArgs(
                    how=args.what,
                    run=run,
                    gate=args.gate,
                    who=args.who,
                    role=getattr(args, "role", ""),
                    seen=getattr(args, "seen", "0"),
                    code=code,
                    why=args.why,
                )
            )


def _at_the_relay() -> tuple[LoneRow, ...]:
    """What one of two has signed there (pin, lease take, take-over); a relay that is away has none that counts."""
    try:
        return ControlClient(reach.usual_path(), RELAY_MS).status().signatures
    except (NotReachable, Refused):
        return ()


def _text(file: str) -> str:
    try:
        return Path(file).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigurationError(f"{file} cannot be read: {error}.") from error


def _paper(text: str) -> int:
    plan = parse_plan(text)
    rows = tuple(c.FindingRow(where=one.where, problem=one.problem, next_step=one.next_step) for one in check_plan(plan))
    return _checked(c.FailoverChecked(plan=plan.name, version=version_of(text), findings=rows))


def _checked(checked: c.FailoverChecked) -> int:
    print(f"plan {safe(checked.plan)}, version {checked.version[:16]}")
    for one in checked.findings:
        print(f"  {safe(one.where)}: {safe(one.problem)}" + (f"  ({safe(one.next_step)})" if one.next_step else ""))
    if not checked.findings:
        print("  nothing is wrong" + (f"; {checked.looked} looks at the environment" if checked.looked else " on paper"))
    return 1 if checked.findings else 0


def _report(client: FailoverClient, args: argparse.Namespace) -> int:
    text = client.run_report(c.FailoverReportArgs(form="html" if args.html else "json")).text
    if args.output is None:
        print(text)
        return 0
    try:
        Path(args.output).write_text(text, encoding="utf-8")
    except OSError as error:
        raise ConfigurationError(f"{args.output} cannot be written: {error.strerror}.") from error
    print(f"written to {args.output}")
    return 0


def _seal_code() -> int:
    code = "-".join("".join(secrets.choice(CODE_LETTERS) for _ in range(5)) for _ in range(CODE_GROUPS))
    salt = secrets.token_bytes(16)
    print(f"for the envelope, and nowhere else:  {code}")
    print("for the orchestrator's configuration at both centers:")
    print(f'[[code]]\nname = "envelope-1"\nsalt = "{salt.hex()}"\nhash = "{hash_code(code, salt)}"')
    return 0


def _authenticator(name: str) -> int:
    """For the person's telephone and for the orchestrators' credentials; it is kept nowhere else."""
    secret = secret_text(secrets.token_bytes(SECRET_BYTES))
    word = re.sub(r"[^a-z0-9]+", "-", name.casefold()).strip("-") or "person"
    print(f"into the authenticator of {safe(name)}, and nowhere else:  {secret}")
    print(f"or as an address:  otpauth://totp/relay%20failover:{quote(name)}?secret={secret}&issuer=relay%20failover")
    print(f"the same into /etc/relay/credentials/failover-{word} at both centers (root, mode 600), and a drop-in of the unit:")
    print(f"LoadCredential=failover-{word}:/etc/relay/credentials/failover-{word}")
    print("for the orchestrator's configuration, at the person:")
    print(f'logins = ["THEIR LOGIN AT THE CONSOLE"]\nauthenticator = "failover-{word}"')
    return 0
