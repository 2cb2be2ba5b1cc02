"""`relay console`: the accounts of the web console (add, passwd, role, list, remove), what was done there, its code tables.

Owns the words typed. It must never take a password as an argument, which everybody who lists processes would see: it is read
from the terminal twice, or as one line of standard input. The traps: the file belongs to the relay's user, so whoever runs
this as root must not leave it to root; and a removed account's open sessions end at their next look, which the file alone
brings about.
"""

from __future__ import annotations

import argparse
import getpass
import sys

import msgspec

from protocols.vocabulary import Secret
from relay.cli import reach
from relay.cli.consolelists import audit_lines, code_lines
from relay.cli.screen import safe, table
from relay.cli.when import show_moment
from relay.clock import SystemClock
from relay.console.accounts import PASSWORD_CHARS_MAX, Account, account, read_accounts, write_accounts
from relay.console.identity import Role
from relay.consolesettings import ConsoleSettings
from relay.control.audit import AUDIT_ROWS_MAX, AuditArgs
from relay.errors import RelayError

NAME = "console"
HELP = "the web console: user add, passwd, role, list, remove; audit; tables"

DEFAULT_CONFIG = "/etc/relay/relay.toml"


def configure(parser: argparse.ArgumentParser) -> None:
    what = parser.add_subparsers(dest="what", metavar="WHAT", required=True)
    audit = what.add_parser("audit", help="who did what there, newest first", description="Who did what at the console.")
    reach.add_arguments(audit)
    audit.add_argument("--count", type=int, default=100, metavar="N", help="at most so many (default: 100)")
    audit.add_argument("--json", action="store_true", help="one object")
    what.add_parser("tables", help="what a terminal is told for each reason", description="Reasons in each dialect.")
    user = what.add_parser("user", help="who may sign in, and as what", description="Who may sign in, and as what.")
    deeds = user.add_subparsers(dest="deed", metavar="DEED", required=True)
    for name, text in (
        ("add", "a new account; its password is asked for, or read from standard input"),
        ("passwd", "another password; open sessions of the account end"),
        ("role", "another role; open sessions of the account end"),
        ("remove", "take an account away; its open sessions end"),
        ("list", "names, roles and when they last changed"),
    ):
        deed = deeds.add_parser(name, help=text, description=f"{text[0].upper()}{text[1:]}.")
        where = deed.add_mutually_exclusive_group()
        where.add_argument("--config", metavar="FILE", help="configuration that names the file of the accounts")
        where.add_argument("--file", metavar="PATH", help="the file of the accounts itself")
        if name != "list":
            deed.add_argument("name", metavar="NAME", help="small letters, digits, dots, dashes")
        if name in ("add", "role"):
            roles = [role.value for role in Role]
            deed.add_argument(
                "--role", choices=roles, required=name == "role", default=Role.VIEWER.value, help="default: viewer"
            )


def run(args: argparse.Namespace) -> int:
    if args.what == "tables":
        print("\n".join(code_lines()))
        return 0
    if args.what == "audit":
        report = reach.client(args).audit(AuditArgs(count_max=min(max(args.count, 1), AUDIT_ROWS_MAX)))
        print(msgspec.json.encode(report).decode() if args.json else "\n".join(audit_lines(report.rows)))
        return 0
    path = _path(args)
    accounts = read_accounts(path)
    if args.deed == "list":
        print(
            "\n".join(_listing(accounts)) if accounts else f"no accounts in {path}; relay console user add NAME --role viewer"
        )
        return 0
    name, now_ms = str(args.name), SystemClock().wall_ms()
    known = accounts.get(name)
    if args.deed == "add" and known is not None:
        raise RelayError(f"{safe(name)} has an account.", "relay console user passwd, or role")
    if args.deed != "add" and known is None:
        raise RelayError(f"{safe(name)} has no account.", "relay console user list")
    if args.deed == "remove":
        del accounts[name]
    elif args.deed == "role" and known is not None:
        accounts[name] = Account(
            name=name, role=Role(args.role), salt=known.salt, hash=known.hash, cost=known.cost, changed_ms=now_ms
        )
    else:
        role = Role(args.role) if known is None else known.role
        accounts[name] = account(name, role, _password(), now_ms)
    write_accounts(path, accounts.values())
    told = {"add": "added", "passwd": "has another password", "role": f"is {args.role} now" if args.deed == "role" else ""}
    print(f"{safe(name)} {told.get(args.deed, 'removed')}, in {path}")
    return 0


def _path(args: argparse.Namespace) -> str:
    if args.file is not None:
        return str(args.file)
    if args.config is not None:
        return reach.settings_of(args.config).console.accounts_path
    return ConsoleSettings().accounts_path


def _password() -> Secret:
    if not sys.stdin.isatty():
        return Secret(sys.stdin.readline(PASSWORD_CHARS_MAX + 2).rstrip("\n"))
    first = getpass.getpass("password: ")
    if getpass.getpass("once more: ") != first:
        raise RelayError("the two are not the same.", "Nothing was changed.")
    return Secret(first)


def _listing(accounts: dict[str, Account]) -> list[str]:
    rows = [["name", "role", "changed"]]
    rows += [[safe(each.name), each.role.value, show_moment(each.changed_ms)] for each in accounts.values()]
    return list(table(rows))
