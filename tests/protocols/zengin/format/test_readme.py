"""The READMEs of formats and file transfer: examples run as they stand, files that are named exist."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

FOLDER = Path(__file__).parents[4] / "protocols" / "zengin"
PAGES = [FOLDER / "format" / "README.md", FOLDER / "file" / "README.md"]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.parent.name))
def test_examples_run_and_files_exist(page: Path) -> None:
    text = page.read_text("utf-8")
    for example in re.findall(r"```python\n(.*?)```", text, re.DOTALL):
        exec(compile(example, str(page), "exec"), {})
    rows = [line for line in text.splitlines() if line.startswith("| `")]
    named = {name for row in rows for name in re.findall(r"`([\w]+\.py)`", row)}
    present = {path.name for path in page.parent.glob("*.py")} - {"__init__.py"}
    assert named == present
