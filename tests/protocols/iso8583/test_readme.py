"""The example in the folder's README runs as it stands."""

from __future__ import annotations

import re
from pathlib import Path

README = Path(__file__).parents[3] / "protocols" / "iso8583" / "README.md"


def test_the_example_runs() -> None:
    (example,) = re.findall(r"```python\n(.*?)```", README.read_text("utf-8"), re.DOTALL)
    exec(compile(example, str(README), "exec"), {})


def test_every_file_it_names_exists() -> None:
    for name in re.findall(r"`([\w./]+\.py)`", README.read_text("utf-8")):
        assert (README.parent / name).exists(), name
