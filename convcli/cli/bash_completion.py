"""Completion in bash, which splits words at ``:`` and ``=``: they are joined again.

Readline replaces what follows the last of those characters in a word, so that is what is returned.
"""

from __future__ import annotations

import os
from typing import Any

from click.shell_completion import BashComplete, CompletionItem, split_arg_string

BREAKS = ":="


class Bash(BashComplete):
    """Click's completion for bash, of words such as ``gaussian:sigma=2`` too."""

    # No space after "gaussian:" and "sigma=", which go on.
    source_template = BashComplete.source_template.replace(
        "COMPREPLY+=($value)", "COMPREPLY+=($value); [[ $value == *[:=] ]] && compopt -o nospace"
    )

    def get_completion_args(self) -> tuple[list[str], str]:
        """Return the words before the cursor, and the one at the cursor."""
        count = int(os.environ["COMP_CWORD"]) + 1
        words = split_arg_string(os.environ["COMP_WORDS"])[:count]
        is_new = len(words) < count
        _, *joined = _joined(words)
        return (joined, "") if is_new else (joined[:-1], joined[-1])

    def format_completion(self, item: CompletionItem[Any] | Any) -> str:
        """Return a line of the answer: the type, and what replaces the last part of the word."""
        _, incomplete = self.get_completion_args()
        kept = max(incomplete.rfind(character) for character in BREAKS) + 1
        return f"{item.type},{item.value.removeprefix(incomplete[:kept])}"


def _joined(words: list[str]) -> list[str]:
    joined: list[str] = []
    was_break = False
    for word in words:
        is_break = bool(word) and not word.strip(BREAKS)
        if joined and (is_break or was_break):
            joined[-1] += word
        else:
            joined.append(word)
        was_break = is_break
    return joined
