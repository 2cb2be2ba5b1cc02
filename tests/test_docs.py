"""What the documents say can be typed, followed and found: links, files, settings, commands, codes, examples.

The trap: prose cannot be tested, names can; so every name that a reader would type or look up is written in backticks or in a
block, and compared with the thing it names.
"""

from __future__ import annotations

import ast
import json
import re
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

import pytest
from pydantic import BaseModel

from protocols.branch.profile import BranchProfile
from protocols.dialects import DIALECTS
from protocols.iso8583.codes import all_codes
from protocols.iso8583.profile import Iso8583Profile, as_framing
from protocols.ndc.load import parse_load
from protocols.ndc.profile import NdcProfile
from protocols.zengin.session.profile import ZrcProfile
from relay.cli.registry import COMMANDS
from relay.configfile import parse
from relay.core.mapping import Remark
from relay.settings import ListenerSettings, Settings
from relay.wire.admission import Refused
from tests.support.docs import anchors_of, links_of, prose_lines

ROOT = Path(__file__).resolve().parent.parent
PAGES = sorted([ROOT / "README.md", ROOT / "CHANGELOG.md", *(ROOT / "docs").rglob("*.md")])
OURS = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
GENERATED = {"configuration.md"}  # from the models, and tested where it is generated
TOPS = ("relay", "protocols", "config", "systemd", "tests", "docs", "requirements")


def name_of(page: Path) -> str:
    return page.relative_to(ROOT).as_posix()


def text_of(name: str) -> str:
    return (ROOT / name).read_text(encoding="utf-8")


def quoted(page: Path) -> Iterator[str]:
    """What stands in backticks outside blocks."""
    for line in prose_lines(page):
        yield from re.findall(r"`([^`]+)`", line)


def blocks(page: Path, language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", page.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)


def table_after(page: str, heading: str) -> list[list[str]]:
    """The rows of the first table under a heading, cells stripped, header and rule left out."""
    section = f"\n{text_of(page)}".split(f"\n{heading}\n", 1)[1]
    lines = iter(section.splitlines())
    rows = []
    for line in lines:
        if line.startswith("|"):
            rows.append([cell.strip() for cell in line.strip("|").split("|")])
        elif rows:
            break
    return rows[2:]


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_links_lead_somewhere(page: Path) -> None:
    broken = []
    for link in links_of(page):
        if re.match(r"[a-z]+:", link):
            continue
        path, _, anchor = link.partition("#")
        target = (page.parent / path).resolve() if path else page
        if not target.exists() or (anchor and anchor not in anchors_of(target)):
            broken.append(link)
    assert not broken


@pytest.mark.parametrize("page", OURS, ids=name_of)
def test_files_that_are_named_exist(page: Path) -> None:
    paths = [word for word in quoted(page) if re.fullmatch(rf"(?:{'|'.join(TOPS)})/[\w./-]*\w", word)]
    paths += re.findall(
        rf"(?:^|\s)((?:{'|'.join(TOPS)})/[\w./-]*\.(?:py|md|toml|yml|yaml|lock|service|socket|sysusers|tmpfiles))\b",
        page.read_text(),
    )
    missing = sorted({path for path in paths if not (ROOT / path).exists()})
    assert not missing


def settings_of(model: type[BaseModel], prefix: str = "") -> set[str]:
    names = set()
    for name, field in model.model_fields.items():
        names.add(prefix + name)
        inner = field.annotation
        if isinstance(inner, type) and issubclass(inner, BaseModel):
            names |= settings_of(inner, f"{prefix}{name}.")
    return names


@pytest.mark.parametrize("page", OURS, ids=name_of)
def test_settings_that_are_named_exist(page: Path) -> None:
    known = settings_of(Settings)
    for profile in (BranchProfile, Iso8583Profile, NdcProfile, ZrcProfile):
        known |= settings_of(profile) | settings_of(profile, "profile.")
    sections = {name.split(".")[0] for name in known if "." in name}
    named = {match[1] for word in quoted(page) if (match := re.fullmatch(r"([a-z_]+(?:\.[a-z_0-9]+)+)(?: = .*)?", word))}
    wrong = sorted(name for name in named if name.split(".")[0] in sections and name not in known)
    assert not [name for name in wrong if not (ROOT / name).exists()]


@pytest.mark.parametrize("page", OURS, ids=name_of)
def test_commands_that_are_named_exist(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    typed = re.findall(r"(?:^    |`|&& |; )relay ([a-z]+)\b", text, re.MULTILINE)
    unknown = sorted(set(typed) - set(COMMANDS))
    assert not unknown
    targets = set(re.findall(r"^([a-z]+):", text_of("Makefile"), re.MULTILINE))
    made = set(re.findall(r"(?:^    |`)(?:[A-Z]+=\w+ )?make ([a-z]+)\b", text, re.MULTILINE))
    assert made <= targets


@pytest.mark.parametrize("page", [page for page in OURS if page.name not in GENERATED], ids=name_of)
def test_examples_in_toml_are_valid(page: Path) -> None:
    for block in blocks(page, "toml"):
        read = tomllib.loads(block)
        if "listener" not in read:
            if "states" in read:
                parse_load(block, 1_000)  # what an NDC listener loads its ATMs with
                continue
            for link in Settings.model_validate_json(json.dumps(read)).dialer:
                parse(cast("type[BaseModel]", DIALECTS[link.dialect].profile_model), link.profile)
            continue
        if isinstance(read["listener"], list):
            for one in read["listener"]:
                ListenerSettings.model_validate(one)
                DIALECTS[one["dialect"]].profile_model.model_validate(one["profile"])  # type: ignore[attr-defined]
            continue
        listener = read["listener"]
        profile: dict[str, Any] = listener["profile"]
        profile.pop("overlays", None)  # the bank's own files
        if listener.get("dialect", "iso8583") != "iso8583":
            parse(cast("type[BaseModel]", DIALECTS[listener["dialect"]].profile_model), profile)
            continue
        Iso8583Profile.model_validate(profile)
        as_framing(profile.get("framing", "ascii4"))


@pytest.mark.parametrize("page", OURS, ids=name_of)
def test_examples_in_python_can_be_imported(page: Path) -> None:
    for block in blocks(page, "python"):
        imports = "\n".join(line for line in block.splitlines() if line.startswith(("import ", "from ")))
        ast.parse(block)
        exec(imports, {})


def test_every_dependency_has_its_reason() -> None:
    project = tomllib.loads(text_of("pyproject.toml"))["project"]

    def names(requirements: list[str]) -> set[str]:
        return {re.split(r"[\[<>=!~]", requirement)[0].lower() for requirement in requirements}

    page = "docs/dependencies.md"
    assert {row[0] for row in table_after(page, "## At run time")} == names(project["dependencies"])
    assert {row[0] for row in table_after(page, "## For development only")} == names(project["optional-dependencies"]["dev"])


def test_change_fragments_have_name_and_form() -> None:
    for path in (ROOT / "docs" / "changes").iterdir():
        if path.name == "README.md":
            continue
        assert re.fullmatch(r"\d{3}-[a-z0-9-]+\.md", path.name), path.name
        first, blank, rest = path.read_text(encoding="utf-8").split("\n", 2)
        assert first in {"# added", "# changed", "# fixed", "# removed"}, path.name
        assert not blank
        assert rest.strip(), path.name


def test_the_runbook_knows_every_remark_and_every_reason_for_refusing_a_link() -> None:
    remarks = {
        word
        for row in table_after("docs/runbook.md", "### RelayCoreAnswersRefused")
        for word in re.findall(r"`([^`]+)`", row[0])
    }
    assert remarks == {remark.value for remark in Remark} - {"none"}
    reasons = {
        word for row in table_after("docs/runbook.md", "### RelayLinksRefused") for word in re.findall(r"`([^`]+)`", row[0])
    }
    assert reasons == set(Refused) - {"stopped"}  # a relay that is going away: nothing to do


def test_the_page_about_iso_8583_has_the_codes_that_are_sent() -> None:
    y1987, y1993 = all_codes("1987", {}), all_codes("1993", {})
    for words, code_1987, code_1993, _ in table_after("docs/protocol-iso8583.md", "## Codes in replies (DE 39)"):
        for word in words.split(", "):
            name = word.replace(" ", "-")
            assert (code_1987, code_1993) == (y1987[name], y1993[name]), word


def test_the_glossary_gives_one_meaning_per_word() -> None:
    words = [word.strip() for row in table_after("docs/glossary.md", "# Glossary") for word in row[0].split(",")]
    assert len(words) == len(set(words))
