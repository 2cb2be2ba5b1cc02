"""The example in the folder's README runs as it stands, and the files it names exist."""

from __future__ import annotations

import re
from pathlib import Path

README = Path(__file__).parents[3] / "protocols" / "branch" / "README.md"


def test_the_example_runs() -> None:
    (example,) = re.findall(r"```python\n(.*?)```", README.read_text("utf-8"), re.DOTALL)
    exec(compile(example, str(README), "exec"), {})


def test_every_file_is_named_and_exists() -> None:
    named = set(re.findall(r"`([\w./]+\.py)`", README.read_text("utf-8")))
    assert named == {path.name for path in README.parent.glob("*.py")} - {"__init__.py"}
