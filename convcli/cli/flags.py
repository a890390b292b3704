"""Messages of the library name Python's parameters; on the command line they name options."""

from __future__ import annotations

import re

_OTHERWISE = {
    "output": "-o",
    "output_dir": "-d",
    "recursive": "-r",
    "workers": "-j",
}
"""Where an option is not called ``--`` and the parameter's name, or has a shorter name."""

PARAMETERS = frozenset(
    {
        *_OTHERWISE,
        *("format", "frames", "linear", "max_pixels", "mode", "normalize", "null"),
        *("output_padding", "overwrite", "pad", "relative_to", "save", "suffix"),
    }
)
"""The parameters that messages may name, which are options, too."""

# A pattern, compiled when there is a message.
_NAMED = (
    rf"""(?<![\w./-])({"|".join(sorted(PARAMETERS))})="""
    r"""(True|False|"(\w+)"|\{"(\w+)": "?(\w+)"?\}|[A-Z]+|[0-9]+)(?![\w./-])"""
)


def in_flags(text: str) -> str:
    """Return a message with options for parameters: ``--frames first`` for ``frames="first"``.

    The parameters of a message have a value: ``True``, ``False``, a number, text in quotes, a
    dict of one item, or a word in capitals that stands for any. Names of files stay as they are,
    unless one is just that between spaces.
    """
    return re.sub(_NAMED, _flag, text)


def _flag(match: re.Match[str]) -> str:
    name, value, text, key, item = match.groups()
    flag = _OTHERWISE.get(name, f"--{name.replace('_', '-')}")
    if value == "True":
        return flag
    if value == "False":
        return f"--no-{flag.removeprefix('--')}"
    return f"{flag} {f'{key}={item}' if key else text or value}"
