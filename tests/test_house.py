"""The rules of the house, run as a program: mirrored tests, headers, sizes, banned words, types at the borders.

Owns no product behaviour. Style and types are ruff's and mypy's, imports are import-linter's; what none of them can see is
here. Each list of exceptions is short, visible and checked for exceptions that are no longer needed. The trap: there are over a
thousand files, and parsing all of them takes longer than everything else here; so a file is parsed only where its text has what
the rule is about, and looked at line by line only where its text breaks the rule.
"""

from __future__ import annotations

import ast
import inspect
import re
import subprocess
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
LINES_MAX = 400
LONG_REASON = "longer than 400 lines because"  # what the header of a longer file says, in any case of letters

# Source files without a test file of their own, and why. A file of declarations only is tested by those who fulfil it.
NO_MIRROR = {
    "protocols/iso8583/hooks.py": "declarations only; run by tests/protocols/iso8583/test_speaker.py and test_dialogue.py",
    "protocols/relatingkit.py": "declarations only; run by tests/relay/test_configfile.py and the dialects' test_dialect.py",
    "protocols/hookedkit.py": "declarations only; run by tests/relay/test_configfile.py and the dialects' test_dialect.py",
    "relay/announce/port.py": "declarations only; run by tests/relay/announce/test_bird.py, test_exabgp.py and test_none.py",
    "relay/servicesettings.py": "declarations only; run by tests/relay/configuration/test_announce.py",
    "relay/archivist.py": "gathers and hands on; tests/live/test_archive.py sees it archive under traffic and after kill -9",
    "relay/control/report.py": "declarations only; run by tests/relay/control/test_problems.py",
    "relay/journal/memory_disk.py": "what tests/relay/journal/test_memory.py and every simulated history runs on",
    "relay/clock.py": "declarations only, and the machine's clocks; run by every test",
    "relay/daemon.py": "wiring only; tests/live runs it as a process",
    "relay/basesettings.py": "declarations only; run by tests/relay/test_settings.py",
    "relay/handoversettings.py": "declarations only; run by tests/relay/configuration/test_leases.py",
    "relay/consolesettings.py": "declarations only; run by tests/relay/configuration/test_console.py",
    "relay/consoling.py": "wires and hands on; tests/live/test_console.py signs in to a running daemon",
    "relay/console/deedkinds.py": "declarations only; run by tests/relay/console/test_deeds.py",
    "relay/console/english.py": "declarations only; run by tests/relay/console/test_words.py",
    "relay/console/english_deeds.py": "declarations only; run by tests/relay/console/test_words.py",
    "relay/console/english_failover.py": "declarations only; run by tests/relay/console/test_words.py",
    "relay/console/english_room.py": "declarations only; run by tests/relay/console/test_words.py",
    "relay/console/identity.py": "declarations only; run by tests/relay/console/test_accounts.py",
    "relay/console/japanese.py": "declarations only; run by tests/relay/console/test_words.py",
    "relay/console/japanese_deeds.py": "declarations only; run by tests/relay/console/test_words.py",
    "relay/console/japanese_failover.py": "declarations only; run by tests/relay/console/test_words.py",
    "relay/console/japanese_room.py": "declarations only; run by tests/relay/console/test_words.py",
    "relay/doors.py": "opens and shuts; tests/live/test_lease.py and test_drain_stages.py see each door of a running daemon",
    "relay/takingover.py": "wires and tells; tests/live/test_takeover.py runs it in daemons",
    "relay/control/takeover.py": "declarations only; run by tests/relay/cli/test_takeover.py",
    "relay/core/openapiparts.py": "pieces of one document; tests/relay/core/test_openapi.py compares and validates the whole",
    "relay/takeover/ways.py": "declarations only; run by tests/relay/takeover/test_run.py",
    "relay/gauges.py": "reads what others count; tests/live/test_process.py sees the gauges, tests/test_dashboard.py the names",
    "relay/operator.py": "gathers and hands on; tests/live/test_process.py asks each command of a running daemon",
    "relay/places.py": "declarations only; run by tests/relay/cli/test_reach.py",
    "relay/standing.py": "declarations only; run by tests/relay/test_hours.py",
    "relay/parts.py": "imports and hands on; tests/live/test_starts.py sees what is imported, tests/live each part at work",
    "relay/configuration/endpointparsers.py": "hands on; run by tests/relay/configuration/test_endpoints.py",
    "relay/permit.py": "declarations only; run by tests/relay/region/test_active.py",
    "relay/reactor.py": "starts loop and reactor; tests/live runs it as a process",
    "relay/__main__.py": "two lines that call relay.main",
    "relay/core/door.py": "declarations only; run by tests/relay/core/test_client.py",
    "relay/core/port.py": "declarations only; run by tests/relay/core/test_client.py",
    "relay/errors.py": "declarations only; their texts and exit codes are seen by tests/relay/cli",
    "relay/dispatcher.py": "gathers and hands on; tests/live/test_outbound.py asks each command of a running daemon",
    "relay/keeper.py": "gathers and hands on; tests/live/test_keys.py asks each command of a running daemon",
    "relay/reconciler.py": "gathers and hands on; tests/live/test_reconcile.py asks each command of a running daemon",
    "relay/reconnect.py": "wires and tells; tests/live/test_storm.py runs it in a daemon",
    "relay/reconnectsettings.py": "declarations only; run by tests/relay/test_settings.py",
    "relay/hourssettings.py": "declarations only; run by tests/relay/test_hours.py",
    "relay/regions.py": "wires and tells; tests/live/test_region_switch.py runs it in a daemon",
    "relay/acking.py": "wiring only; tests/live/test_ack_needs.py runs it as a process",
    "relay/pairing.py": "wires and tells; tests/live/test_pair.py runs two of it in daemons",
    "relay/control/audit.py": "declarations only; run by tests/relay/cli/test_consolelists.py",
    "relay/control/pace.py": "declarations only; run by tests/relay/cli/test_topsnap.py",
    "relay/control/drain.py": "declarations only; run by tests/relay/cli/test_drain.py",
    "relay/control/lease.py": "declarations only; run by tests/relay/cli/test_lease.py",
    "relay/control/regions.py": "declarations only; run by tests/relay/cli/test_region.py",
    "relay/exchange/hub.py": "declarations only; run by tests/relay/exchange/test_doubt.py and test_repeats.py",
    "relay/exchange/limits.py": "declarations only; run by tests/relay/exchange/test_desk.py",
    "relay/exchange/ports.py": "declarations only; run by tests/relay/exchange/test_desk.py",
    "relay/loopback/centerdeeds.py": "declarations only; run by tests/relay/loopback/test_center.py",
    "relay/control/failover.py": "declarations only; run by tests/relay/cli/test_failover.py",
    "relay/control/failovercommands.py": "declarations only; run by tests/relay/control/test_commands.py",
    "relay/control/failoverclient.py": "asks what it is told; run by tests/relay/cli/test_failover.py",
    "relay/orchestrator/serve.py": "wiring only; tests/live/test_failover.py runs it as a process and kills it",
    "relay/orchestrator/handlers.py": "gathers and hands on; tests/live/test_failover.py asks each command of a process",
    "relay/failover/events.py": "declarations only; run by tests/relay/failover/test_chain.py and test_run.py",
    "relay/failover/actions/port.py": "declarations only; run by tests/relay/failover/actions",
    "relay/loopback/lab/crowd.py": "gathers and asks; tests/live/test_lab.py runs it among two relays",
    "relay/loopback/lab/drill.py": "does what people do; tests/live/test_drill.py drills with it, and kills what it starts",
    "relay/loopback/lab/drillplay.py": "an order of others' steps; tests/live/test_drill.py plays it",
    "relay/loopback/lab/lab.py": "runs what others planned; tests/live/test_lab.py lays one and takes it away",
    "relay/loopback/lab/secretsmade.py": "writes files; the relays of tests/live/test_lab.py read them",
    "relay/loopback/lab/switching.py": "a script of others' steps; tests/live/test_lab.py plays it",
    "relay/loopback/lab/takeovers.py": "a script of others' steps; tests/live/test_lab.py plays it",
    "relay/loopback/lab/wire.py": "packet sockets; tests/live/test_lab.py has them between its centers where there is no netem",
    "relay/journal/archive/hand.py": "declarations only; run by tests/relay/journal/archive/test_run.py",
    "relay/journal/items.py": "declarations only; run by tests/relay/journal/test_batch.py and both engines",
    "relay/journal/port.py": "declarations only; run by tests/relay/journal/test_sqlite.py",
    "relay/outbound/ports.py": "declarations only; run by tests/relay/outbound/test_desk.py",
}

# Public signatures that carry a bare mapping of anything, and why.
ANY_MAPPINGS = {
    "relay/settings.py": "the profile of a link is the dialect's own; protocols.dialects parses it at start",
}


@cache
def project_files() -> tuple[Path, ...]:
    """Every file of the project, known to git or about to be; without git, whatever is not hidden."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"], cwd=ROOT, capture_output=True, check=False
    )
    if listed.returncode == 0:
        names = (name for name in listed.stdout.decode().split("\0") if name)
        return tuple(sorted(path for path in (ROOT / name for name in names) if path.is_file()))
    return tuple(
        sorted(
            path
            for path in ROOT.rglob("*")
            if path.is_file() and not any(part.startswith(".") for part in path.relative_to(ROOT).parts)
        )
    )


def name_of(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def python_files(*tops: str) -> list[Path]:
    return [path for path in project_files() if path.suffix == ".py" and (not tops or name_of(path).split("/")[0] in tops)]


def text_files() -> Iterator[tuple[str, str]]:
    for path in project_files():
        if path.suffix in {".lock", ".png", ".svg", ".pcap", ".bin"}:
            continue
        try:
            yield name_of(path), path.read_text(encoding="utf-8")
        except UnicodeDecodeError:
            continue


def text_of(path: Path) -> str:
    return path.read_text(encoding="utf-8")


HEADER = re.compile(r'(?:#.*\n|\s)*([rR]?"""(?s:.*?)""")')  # a string before any statement


def header_of(path: Path) -> str:
    found = HEADER.match(text_of(path))
    return inspect.cleandoc(ast.literal_eval(found[1])) if found else ""


def lines_of(path: Path) -> int:
    return text_of(path).count("\n")


def is_empty_package(path: Path) -> bool:
    """An `__init__` that only says what the folder is, or re-exports names."""
    if path.name != "__init__.py":
        return False
    body = ast.parse(text_of(path)).body
    return all(isinstance(node, (ast.Import, ast.ImportFrom, ast.Expr, ast.Assign)) for node in body)


def mirrors_of(path: Path) -> list[Path]:
    """The tests that mirror a source file: test_NAME.py, or test_NAME_TOPIC.py where one file is not enough."""
    folder = ROOT / "tests" / path.relative_to(ROOT).parent
    stem = path.parent.name if path.name == "__init__.py" else path.stem
    return [*folder.glob(f"test_{stem}.py"), *folder.glob(f"test_{stem}_*.py")]


def test_every_source_file_has_a_test_file_at_the_mirrored_path() -> None:
    sources = [path for path in python_files("relay", "protocols") if not is_empty_package(path)]
    missing = [name_of(path) for path in sources if not mirrors_of(path) and name_of(path) not in NO_MIRROR]
    assert not missing, f"no test file mirrors: {missing}"


def test_exemptions_from_mirroring_are_still_needed() -> None:
    present = {name_of(path): path for path in python_files("relay", "protocols")}
    unneeded = [name for name in NO_MIRROR if name in present and mirrors_of(present[name])]
    assert not unneeded, f"has a test by now, take it off the list: {unneeded}"
    for name in NO_MIRROR:
        if name in present and "declarations only" in NO_MIRROR[name]:
            assert lines_of(present[name]) <= 320, f"{name} has grown: declarations only?"


def test_every_source_file_says_what_it_owns() -> None:
    bare = [name_of(path) for path in python_files("relay", "protocols", "tests") if not header_of(path) and lines_of(path)]
    assert not bare, f"no module docstring: {bare}"
    short = [
        name_of(path)
        for path in python_files("relay", "protocols")
        if lines_of(path) > 60 and len(header_of(path).splitlines()) < 2
    ]
    assert not short, f"a file of more than 60 lines says in its header what it owns and what the trap is: {short}"


def test_no_file_is_long_without_a_reason(capsys: pytest.CaptureFixture[str]) -> None:
    sizes = sorted(((lines_of(path), name_of(path), path) for path in python_files()), reverse=True)
    with capsys.disabled():
        print("\nten largest:", ", ".join(f"{name} {lines}" for lines, name, _ in sizes[:10]))

    def reason(path: Path) -> bool:
        return LONG_REASON in " ".join(header_of(path).lower().split())

    unexplained = [f"{name} ({lines})" for lines, name, path in sizes if lines > LINES_MAX and not reason(path)]
    assert not unexplained, f"split it, or say in the header that it is {LONG_REASON!r} ...: {unexplained}"
    stale = [
        f"{name} ({lines})"
        for lines, name, path in sizes
        if lines <= LINES_MAX and reason(path) and path.name != "test_house.py"
    ]
    assert not stale, f"no longer long: {stale}"


# Words that say that something is not finished. Spelled in two halves, so that this file does not find itself.
UNFINISHED = re.compile(
    "|".join(
        (
            "TO" + "DO",
            "FIX" + "ME",
            r"\bXX" + r"X\b(?![\"] |[\"]$| -)",  # but not the currency code of ISO 4217
            "NotImpl" + "ementedError",
            r"\bfor " + r"now\b",
            "place" + "holder",
            r"\bst" + r"ub(?:bed|s)?\b",
        )
    )
)


def lines_with(pattern: re.Pattern[str], text: str) -> Iterator[tuple[int, str]]:
    """The lines in which `pattern` is found, with their numbers. It must not look across the end of a line."""
    if pattern.search(text):
        yield from ((number, line) for number, line in enumerate(text.splitlines(), 1) if pattern.search(line))


def test_nothing_calls_itself_unfinished() -> None:
    found = [
        f"{name}:{number}: {line.strip()[:100]}"
        for name, text in text_files()
        if name.endswith((".py", ".md", ".toml", ".yml", ".yaml", ".service", "Makefile"))
        for number, line in lines_with(UNFINISHED, text)
    ]
    assert not found, "\n".join(found)


# Paths that exist on one machine only.
MACHINE_PATH = re.compile(r"/(?:wo" + r"rk|fa" + r"rm|ro" + r"ot|ho" + r"me/\w+)/\w")


def test_no_path_of_one_machine() -> None:
    found = [
        f"{name}:{number}: {line.strip()[:100]}"
        for name, text in text_files()
        for number, line in lines_with(MACHINE_PATH, text)
    ]
    assert not found, "\n".join(found)


# What a test must not do, and what no code must do, beyond what ruff can see.
HABITS = {
    "nothing sleeps": re.compile(r"\btime\.sl" + r"eep\("),
    "no test proves nothing": re.compile(r"\bassert Tr" + r"ue\b"),
    "a skip says what the machine lacks": re.compile(r"@pytest\.mark\.(?:sk" + r"ip|xf" + r"ail)\b(?!if)"),
    "no mocks of our own classes": re.compile(r"\bunittest\.mo" + r"ck\b|\bMagicMo" + r"ck\b"),
    "an ignored type error is named": re.compile(r"#\s*type:\s*ig" + r"nore(?!\[)"),
}


def test_habits() -> None:
    found = [
        f"{rule}: {name_of(path)}:{number}"
        for path in python_files()
        for rule, pattern in HABITS.items()
        for number, _ in lines_with(pattern, text_of(path))
    ]
    assert not found, "\n".join(found)


def test_no_junk_drawer() -> None:
    drawers = [name_of(path) for path in python_files() if path.stem in {"utils", "util", "helpers", "misc", "common"}]
    assert not drawers, f"a file is named after the one idea that it owns: {drawers}"


def any_mappings(path: Path) -> Iterator[str]:
    """Public signatures and public class members of `path` that hold a `dict[str, Any]` or its relatives."""
    text = text_of(path)
    if not re.search(r"\[\s*str\s*,\s*(?:typing\.)?Any\b", text):
        return
    pattern = re.compile(r"\b(?:dict|Dict|Mapping|MutableMapping)\[str, (?:typing\.)?Any\]")

    def look(node: ast.AST | None, where: str) -> Iterator[str]:
        if node is not None and pattern.search(ast.unparse(node)):
            yield where

    def walk(body: list[ast.stmt], prefix: str) -> Iterator[str]:
        for node in body:
            if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
                yield from walk(node.body, f"{prefix}{node.name}.")
            elif isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)) and not node.name.startswith("_"):
                arguments = node.args
                for argument in (*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs):
                    yield from look(argument.annotation, f"{prefix}{node.name}({argument.arg})")
                yield from look(node.returns, f"{prefix}{node.name} ->")
            elif isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name) and not node.target.id.startswith("_"):
                yield from look(node.annotation, f"{prefix}{node.target.id}")

    yield from walk(ast.parse(text).body, "")


def test_no_untyped_mapping_crosses_a_file() -> None:
    found = {name_of(path): list(any_mappings(path)) for path in python_files("relay", "protocols")}
    loose = {name: where for name, where in found.items() if where and name not in ANY_MAPPINGS}
    assert not loose, f"parse into a type at the door: {loose}"
    unneeded = [name for name in ANY_MAPPINGS if name in found and not found[name]]
    assert not unneeded, f"take it off the list: {unneeded}"


def test_the_protocol_library_stands_alone() -> None:
    borrowed = [
        name_of(path)
        for path in python_files("protocols")
        if re.search(r"\brelay\b", text_of(path))
        for node in ast.walk(ast.parse(text_of(path)))
        if (isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] == "relay")
        or (isinstance(node, ast.Import) and any(alias.name.split(".")[0] == "relay" for alias in node.names))
    ]
    assert not borrowed, f"protocols/ never imports relay: {borrowed}"
