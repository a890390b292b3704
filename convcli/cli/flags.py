"""Messages of the library name Python parameters; here they are turned into options."""

from __future__ import annotations

import re

_OTHERWISE = {
    "output": "-o",
    "output_dir": "-d",
    "recursive": "-r",
    "workers": "-j",
}
"""Parameters whose option is not ``--`` and their name, or has a short form."""

PARAMETERS = frozenset(
    {
        *_OTHERWISE,
        *(
            "channels",
            "depth",
            "format",
            "frames",
            "linear",
            "max_pixels",
            "method",
            "mode",
            "normalize",
            "null",
        ),
        *("output_padding", "overwrite", "pad", "relative_to", "save", "suffix"),
    }
)
"""The parameters that messages may name and that are options."""

# Compiled only when there is a message.
_NAMED = (
    rf"""(?<![\w./-])({"|".join(sorted(PARAMETERS))})="""
    r"""(True|False|"(\w+)"|\{"(\w+)": "?(\w+)"?\}|[A-Z]+|[0-9]+)(?![\w./-])"""
)


def in_flags(text: str) -> str:
    """Return a message with options for its parameters: ``--frames first`` for ``frames="first"``.

    A parameter in a message has a value: ``True``, ``False``, a number, text in quotes, a
    dict of one item, or a placeholder in capitals. File names are left alone, unless one looks
    exactly like that between spaces.
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
