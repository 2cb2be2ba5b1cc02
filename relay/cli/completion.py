"""`relay completion bash|zsh|fish`: a script for the shell, made from the arguments as they are.

Owns the three shells' ways of writing the same thing. It must never list an option by itself. The trap: a completion script
runs at every press of Tab, so it is plain shell with everything written out, and never calls `relay`.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator

from relay.cli.arguments import Argument, Verb, read
from relay.cli.registry import COMMANDS, RUN, build_parser, load_command
from relay.errors import RelayError

NAME = "completion"
HELP = "completion script for bash, zsh or fish"

_HOW = {
    "bash": "relay completion bash > /etc/bash_completion.d/relay",
    "zsh": 'relay completion zsh > "${fpath[1]}/_relay"',
    "fish": "relay completion fish > ~/.config/fish/completions/relay.fish",
}


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("shell", choices=tuple(_HOW), help="; ".join(f"{how}" for how in _HOW.values()))


def run(args: argparse.Namespace) -> int:
    print({"bash": bash, "zsh": zsh, "fish": fish}[args.shell](whole_tree()), end="")
    return 0


def whole_tree() -> Verb:
    """All subcommands with their arguments; one that cannot be loaded is named on standard error and left bare."""
    loaded = []
    for name in COMMANDS:
        try:
            if name != RUN:
                load_command(name)
        except RelayError as error:
            print(f"relay: {error.problem}", file=sys.stderr)
        else:
            loaded.append(name)
    return read(build_parser(loaded))


def _paths(verb: Verb, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Verb]]:
    """Every verb with the words that lead to it."""
    yield path, verb
    for inner in verb.verbs:
        yield from _paths(inner, (*path, inner.name))


def _words(verb: Verb) -> list[str]:
    """What may be typed next: verbs, flags, and the choices of positional arguments."""
    flags = [flag for argument in verb.arguments for flag in argument.flags]
    choices = [choice for argument in verb.arguments if not argument.flags for choice in argument.choices]
    return [*(inner.name for inner in verb.verbs), *choices, *flags]


# ---- bash ---------------------------------------------------------------------------------------------------------------
def bash(tree: Verb) -> str:
    """Uses nothing but bash itself: the `bash-completion` package may be missing on a server."""
    words, values = [], []
    for path, verb in _paths(tree):
        key = " ".join(path)
        words.append(f'        "{key}") words="{" ".join(_words(verb))}";;')
        for argument in verb.arguments:
            if argument.flags and argument.takes_value:
                answer = (
                    f'words="{" ".join(argument.choices)}"' if argument.choices else "files=1" if argument.is_file else "words="
                )
                values += [f'        "{key}:{flag}") {answer}; return 0;;' for flag in argument.flags]
    deeper = " | ".join(f'"{" ".join(path)}"' for path, _ in _paths(tree) if path)
    return f"""# bash completion for relay; made by `relay completion bash`
_relay_words() {{  # $1: the verb so far, $2: the word before
    case "$1:$2" in
{chr(10).join(values)}
    esac
    case "$1" in
{chr(10).join(words)}
    esac
}}
_relay() {{
    local current="${{COMP_WORDS[COMP_CWORD]}}" before="${{COMP_WORDS[COMP_CWORD-1]}}" verb="" next n words="" files=0
    for ((n = 1; n < COMP_CWORD; n++)); do
        next="${{verb:+$verb }}${{COMP_WORDS[n]}}"
        case "$next" in
        {deeper}) verb="$next";;
        esac
    done
    _relay_words "$verb" "$before"
    COMPREPLY=($(compgen -W "$words" -- "$current"))
    if [[ $files == 1 || ( ${{#COMPREPLY[@]}} == 0 && "$current" != -* ) ]]; then
        COMPREPLY+=($(compgen -f -- "$current"))
    fi
}}
complete -o filenames -F _relay relay
"""


# ---- zsh ----------------------------------------------------------------------------------------------------------------
def zsh(tree: Verb) -> str:
    functions = [line for path, verb in _paths(tree) for line in _zsh_function(path, verb)]
    return "\n".join(
        ["#compdef relay", "# zsh completion for relay; made by `relay completion zsh`", *functions, '_relay "$@"', ""]
    )


def _zsh_function(path: tuple[str, ...], verb: Verb) -> Iterator[str]:
    name = "_".join(["_relay", *path]).replace("-", "_")
    yield f"{name}() {{"
    specs = [_zsh_spec(argument) for argument in verb.arguments if argument.flags]
    specs += [
        f"'{n}:{_quoted(a.metavar)}:{_zsh_values(a)}'" for n, a in enumerate((a for a in verb.arguments if not a.flags), 1)
    ]
    if verb.verbs:
        yield "    local context state line; typeset -A opt_args"
        specs += ["'1:command:->verb'", "'*::argument:->rest'"]
        yield f"    _arguments -C {' '.join(specs)}"
        yield "    case $state in"
        described = " ".join(f"'{inner.name}:{_quoted(inner.help)}'" for inner in verb.verbs)
        yield f"    verb) local -a verbs; verbs=({described}); _describe command verbs;;"
        yield "    rest) case $line[1] in"
        yield from (f"        {inner.name}) {name}_{inner.name.replace('-', '_')};;" for inner in verb.verbs)
        yield "        esac;;"
        yield "    esac"
    elif specs:
        yield f"    _arguments {' '.join(specs)}"
    else:
        yield "    _files"
    yield "}"


def _zsh_spec(argument: Argument) -> str:
    flags = argument.flags[0] if len(argument.flags) == 1 else f"'{{{','.join(argument.flags)}}}'"
    value = f":{_quoted(argument.metavar)}:{_zsh_values(argument)}" if argument.takes_value else ""
    return f"'{flags}[{_quoted(argument.help)}]{value}'"


def _zsh_values(argument: Argument) -> str:
    return f"({' '.join(argument.choices)})" if argument.choices else "_files" if argument.is_file else ""


def _quoted(text: str) -> str:
    """For use inside single quotes, where a colon and brackets mean something to zsh."""
    return text.replace("'", "’").replace(":", "\\:").replace("[", "(").replace("]", ")")


# ---- fish ---------------------------------------------------------------------------------------------------------------
def fish(tree: Verb) -> str:
    lines = ["# fish completion for relay; made by `relay completion fish`", "complete -c relay -f"]
    for path, verb in _paths(tree):
        condition = _fish_condition(path, verb)
        lines += [f"complete -c relay -n '{condition}' -a {inner.name} -d '{_fish(inner.help)}'" for inner in verb.verbs]
        for argument in verb.arguments:
            values = f" -a '{' '.join(argument.choices)}'" if argument.choices else " -F" if argument.is_file else ""
            if argument.flags:
                flags = " ".join(f"-l {flag[2:]}" if flag.startswith("--") else f"-s {flag[1:]}" for flag in argument.flags)
                value = f" -r{values}" if argument.takes_value else ""
                lines.append(f"complete -c relay -n '{condition}' {flags}{value} -d '{_fish(argument.help)}'")
            elif values:
                lines.append(f"complete -c relay -n '{condition}'{values} -d '{_fish(argument.help)}'")
    return "\n".join(lines) + "\n"


def _fish_condition(path: tuple[str, ...], verb: Verb) -> str:
    seen = [f"__fish_seen_subcommand_from {word}" for word in path]
    deeper = [inner.name for inner in verb.verbs]
    if deeper:
        seen.append(f"not __fish_seen_subcommand_from {' '.join(deeper)}")
    return "; and ".join(seen) or "__fish_use_subcommand"


def _fish(text: str) -> str:
    return text.replace("\\", "\\\\").replace("'", "\\'")
