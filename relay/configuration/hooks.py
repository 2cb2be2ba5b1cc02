"""Code of the bank that a profile names, "package.module:attribute": imported, called where it is a function, checked.

Owns the import and the words for everything that can go wrong with it. It must never know a dialect: the kit says what type the
attribute has to be. The traps: this is the only place where a setting becomes running code; whatever that code raises may hold
a key in its text, so that only the name of the error is told; and it is imported once in the life of a process, so that new
code under an old name needs a restart, never a reload.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from importlib import import_module, invalidate_caches
from types import FunctionType, ModuleType

from protocols.errors import LocalMisuse
from relay.configuration.wording import did_you_mean

SETTING = "hooks"


class HooksUnusable(LocalMisuse):
    """The named attribute cannot be had. `suggestion` is what the operator does about it."""

    def __init__(self, problem: str, suggestion: str) -> None:
        super().__init__(problem, SETTING)
        self.suggestion = suggestion


@cache  # of what was found only: a failure is tried again
def load_hooks(name: str, kind: type) -> object:
    """The instance of `kind` at "package.module:attribute", or what the function there returns. Raises HooksUnusable."""
    module_name, _, attribute = name.partition(":")
    module = _imported(module_name)
    try:
        found: object = getattr(module, attribute)
    except AttributeError:
        raise HooksUnusable(f'"{module_name}" has no "{attribute}"', did_you_mean(attribute, _offers(module, kind))) from None
    if callable(found) and not isinstance(found, type):
        found = _called(name, found)
    if not isinstance(found, kind):
        told = f"the class {found.__name__}" if isinstance(found, type) else f"of type {type(found).__name__}"
        wanted = f"{kind.__module__}.{kind.__qualname__}"
        raise HooksUnusable(
            f'"{name}" is {told}, not {kind.__name__}', f"give an instance of {wanted}, or a function without arguments for one"
        )
    return found


def _imported(name: str) -> ModuleType:
    invalidate_caches()  # what was installed since the start, before a reload
    try:
        return import_module(name)
    except ModuleNotFoundError as error:
        missing = error.name or ""
        if name == missing or name.startswith(f"{missing}."):
            advice = "install it where the relay is installed, or put its folder into PYTHONPATH"
            raise HooksUnusable(f'there is no module "{missing}"', advice) from error
        raise HooksUnusable(f'"{name}" cannot be imported: it needs "{missing}"', f"install {missing} too") from error
    except (Exception, SystemExit) as error:  # noqa: BLE001  the bank's code: a mistake in a line, no traceback
        problem = f'"{name}" cannot be imported: {type(error).__name__}'
        raise HooksUnusable(problem, f"see for yourself: python -c 'import {name}'") from None  # its text may hold a key


def _called(name: str, function: Callable[[], object]) -> object:
    try:
        return function()
    except (Exception, SystemExit) as error:  # noqa: BLE001  as above
        module, _, attribute = name.partition(":")
        advice = f"see for yourself: python -c 'import {module}; {module}.{attribute}()'"
        raise HooksUnusable(f'"{name}" failed when it was called: {type(error).__name__}', advice) from None


def _offers(module: ModuleType, kind: type) -> list[str]:
    """Names in a module that could have been meant."""
    return [
        name
        for name, value in vars(module).items()
        if isinstance(value, kind) or (isinstance(value, FunctionType) and value.__module__ == module.__name__)
    ]
