"""Code of the bank by name: found, called, checked; and for everything wrong with it a line, a reason and a next step."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from pathlib import Path

import pytest

from protocols.iso8583.hooks import Hooks
from relay.configuration.hooks import HooksUnusable, load_hooks

numbers = itertools.count()
BEGIN = "from protocols.iso8583.hooks import Hooks, MacVerdict\n"


@pytest.fixture
def module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], str]:
    """Writes a module where it can be imported, and says its name: another each time, for what is imported stays so."""
    monkeypatch.syspath_prepend(tmp_path)

    def write(text: str) -> str:
        name = f"bankhooks{next(numbers)}"
        (tmp_path / f"{name}.py").write_text(text)
        return name

    return write


def test_an_instance_or_a_function_that_makes_one(module: Callable[[str], str]) -> None:
    name = module(BEGIN + "calls = []\nHOOKS = Hooks()\ndef make():\n    calls.append(1)\n    return Hooks()\n")
    assert load_hooks(f"{name}:HOOKS", Hooks) is load_hooks(f"{name}:HOOKS", Hooks)
    made = load_hooks(f"{name}:make", Hooks)
    assert isinstance(made, Hooks)
    assert load_hooks(f"{name}:make", Hooks) is made
    assert load_hooks(f"{name}:calls", list) == [1], "called once in a process, whatever listeners and reloads there are"


def test_a_module_in_a_package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(tmp_path)
    (tmp_path / "bankpackage").mkdir()
    (tmp_path / "bankpackage" / "iso.py").write_text(BEGIN + "HOOKS = Hooks()\n")
    assert isinstance(load_hooks("bankpackage.iso:HOOKS", Hooks), Hooks)
    with pytest.raises(HooksUnusable, match=r'no module "bankpackage\.ndc"'):
        load_hooks("bankpackage.ndc:HOOKS", Hooks)


@pytest.mark.parametrize(
    ("text", "attribute", "problem", "suggestion"),
    [
        ("import nowhere_to_be_found\n", "HOOKS", 'it needs "nowhere_to_be_found"', "install nowhere_to_be_found"),
        ("raise KeyError('0123456789ABCDEF')\n", "HOOKS", "cannot be imported: KeyError", "python -c 'import "),
        ("import sys\nsys.exit(0)\n", "HOOKS", "cannot be imported: SystemExit", "python -c"),
        ("def broken(:\n", "HOOKS", "cannot be imported: SyntaxError", "python -c"),
        ("HOOKS = Hooks()\n", "HOKS", 'has no "HOKS"', 'did you mean "HOOKS"?'),
        ("def make():\n    return Hooks()\n", "build", 'has no "build"', "known: make"),
        ("HOOKS = 'Hooks()'\n", "HOOKS", "of type str, not Hooks", "protocols.iso8583.hooks.Hooks"),
        ("def make():\n    pass\n", "make", "of type NoneType, not Hooks", "a function without arguments"),
        ("", "Hooks", "the class Hooks, not Hooks", "an instance of"),
        ("def make(key):\n    return Hooks()\n", "make", "failed when it was called: TypeError", ".make()'"),
        ("def make():\n    raise OSError('0123456789ABCDEF')\n", "make", "called: OSError", ".make()'"),
    ],
)
def test_what_is_wrong_is_told_with_a_next_step_and_without_the_errors_text(
    module: Callable[[str], str], text: str, attribute: str, problem: str, suggestion: str
) -> None:
    name = module(BEGIN + text)
    with pytest.raises(HooksUnusable) as caught:
        load_hooks(f"{name}:{attribute}", Hooks)
    assert caught.value.path == "hooks"
    assert problem in caught.value.problem
    assert suggestion in caught.value.suggestion
    assert "0123456789ABCDEF" not in str(caught.value) + caught.value.suggestion
    assert caught.value.__cause__ is None or isinstance(caught.value.__cause__, ModuleNotFoundError)


def test_a_missing_module_that_came_since_is_found(tmp_path: Path, module: Callable[[str], str]) -> None:
    name = module(BEGIN + "HOOKS = Hooks()\n")
    (tmp_path / f"{name}.py").rename(tmp_path / "aside")
    with pytest.raises(HooksUnusable, match=f'no module "{name}"') as caught:
        load_hooks(f"{name}:HOOKS", Hooks)
    assert "PYTHONPATH" in caught.value.suggestion
    (tmp_path / "aside").rename(tmp_path / f"{name}.py")
    assert isinstance(load_hooks(f"{name}:HOOKS", Hooks), Hooks)
