"""relay(1) is what the arguments are today, and troff reads it without a word."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from relay.cli.completion import whole_tree
from relay.cli.manpage import manpage
from relay.cli.registry import COMMANDS

PAGE = Path(__file__).resolve().parents[3] / "docs" / "relay.1"


def test_the_committed_page_is_current() -> None:
    assert PAGE.read_text() == manpage(whole_tree()), "run: python -m relay.cli.manpage > docs/relay.1"


def test_every_subcommand_has_its_part() -> None:
    page = manpage(whole_tree())
    assert all(f"\n.SS relay {name}" in page for name in COMMANDS)
    assert "\n.SS relay journal search" in page


@pytest.mark.skipif(shutil.which("groff") is None, reason="needs groff")
def test_troff_reads_it_without_a_warning() -> None:
    done = subprocess.run(
        ["groff", "-man", "-ww", "-Tutf8"], input=manpage(whole_tree()), capture_output=True, text=True, timeout=60, check=True
    )
    assert done.stderr == ""
    assert "relay status" in done.stdout
