"""The example in the folder's README runs as it stands."""

from __future__ import annotations

import re
from pathlib import Path

README = Path(__file__).parents[4] / "protocols" / "zengin" / "session" / "README.md"


def test_the_example_runs() -> None:
    (example,) = re.findall(r"```python\n(.*?)```", README.read_text("utf-8"), re.DOTALL)
    exec(compile(example, str(README), "exec"), {})


def test_every_file_it_names_exists_and_every_file_is_named() -> None:
    named = set(re.findall(r"`([\w./]+\.py)`", README.read_text("utf-8")))
    for name in named:
        assert (README.parent / name).exists(), name
    files = {path.name for path in README.parent.glob("*.py")} - {"__init__.py", "line.py"}
    assert files <= named, files - named
