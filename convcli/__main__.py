"""The process that a shell starts: ``convcli``, or ``python -m convcli``."""

from __future__ import annotations

import gc
import sys
from collections.abc import Sequence
from itertools import pairwise
from typing import NoReturn

from convcli.images.decoding import ahead
from convcli.system.environment import set_environment
from convcli.system.signals import end_on_signals
from convcli.system.streams import make_streams_safe

FILTERING = frozenset({"apply", "deconvolve", "upsample"})
"""Commands that make one picture of another."""
OUTPUT = frozenset({"-o", "--output"})
DECIDING = frozenset(
    {"--dry-run", "-h", "--help", "--files-from", "--max-pixels"}
    | {"--skip-existing", "--update", "--shard", "--cluster"}
)
"""Options that decide whether and how a picture is read: see ``cli/execute.begin``."""


def main() -> NoReturn:
    """Run the command line; slow imports come after the signal handlers are set."""
    end_on_signals()
    make_streams_safe()
    set_environment()
    # Imports create many objects and no garbage: collection is enabled when work begins.
    gc.disable()
    if (picture := picture_named(sys.argv[1:])) is not None:
        ahead.begin(picture)
    from convcli.cli import main as run

    run()


def picture_named(arguments: Sequence[str]) -> str | None:
    """Return the one picture that a command line seems to name, before Click is imported.

    That takes a sixth of the time in which a photograph is decoded. Only a command line with -o is
    looked at, which is for one picture: processes that fork must not have a thread that decodes.
    A wrong guess costs time alone.
    """
    words = [argument.partition("=")[0] for argument in arguments]
    outputs = sum(word in OUTPUT for word in words)
    if outputs != 1 or words[0] not in FILTERING or DECIDING.intersection(words):
        return None
    named = {
        argument
        for before, argument in pairwise(arguments)
        if before not in OUTPUT and ahead.is_decoded_ahead(argument)
    }
    return named.pop() if len(named) == 1 else None


if __name__ == "__main__":
    main()
