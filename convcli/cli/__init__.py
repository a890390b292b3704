"""The command line, and the only part that knows Click.

Commands import the library when they run, so that help and version need neither NumPy nor
Pillow.
"""

from __future__ import annotations

import errno
import gc
import os
import sys
from contextlib import suppress
from importlib import import_module
from typing import Any, NoReturn

import click

from convcli import __version__
from convcli.ending import end_on_signals
from convcli.errors import ConvcliError
from convcli.streams import make_streams_safe

COMMANDS = ("apply", "filters", "fit", "upsample")
"""The commands; each is the name, the module and what it holds."""


class Boundary(click.Group):
    """The one place where the library's errors become messages and exit codes."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the names of the commands."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Load a command, and only that one."""
        if cmd_name not in COMMANDS and ctx.resilient_parsing:  # a shell asks, and hears nothing
            return None
        if cmd_name not in COMMANDS:
            from difflib import get_close_matches

            near = get_close_matches(cmd_name, COMMANDS, 1)
            hint = f" Did you mean {near[0]!r}?" if near else f" There are {', '.join(COMMANDS)}."
            ctx.fail(f"No such command {cmd_name!r}.{hint}")
        command: click.Command = getattr(import_module(f"convcli.cli.{cmd_name}"), cmd_name)
        return command

    def invoke(self, ctx: click.Context) -> Any:
        """Run a command: 2 for a request that is wrong, 130 for an interrupt."""
        try:
            return super().invoke(ctx)
        except ConvcliError as error:
            # Errors of single images end as results; what arrives here was found before any work.
            from convcli.cli.messages import printable

            click.echo(f"Error: {printable(str(error), lines=True)}", err=True)
            raise click.exceptions.Exit(2) from error
        except KeyboardInterrupt:
            click.echo("Interrupted", err=True)
            raise click.exceptions.Exit(130) from None


@click.group(
    cls=Boundary,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog="\b\nExample:\n  convcli apply -f sharpen photo.jpg -o sharp.jpg",
)
@click.version_option(__version__, message="%(prog)s %(version)s")
def cli() -> None:
    """Filter pictures: convolution and transposed convolution with your own kernels."""


def main() -> NoReturn:
    """Run the command line of this process, and end it."""
    end_on_signals()
    # Importing makes objects by the ten thousand and no garbage: look for that when work begins.
    gc.disable()
    # The kernel's own threads share the processors; BLAS must not start more under each of them.
    for variable in ("OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "VECLIB_MAXIMUM_THREADS"):
        os.environ.setdefault(variable, "1")
    # Pillow gives every picture's memory back, and the next one's is cleared page by page: that
    # took a third of the time of a batch of small pictures.
    os.environ.setdefault("PILLOW_BLOCKS_MAX", "8")
    # Of a process that is ended at once, a helper of Python's would tell that locks are left.
    os.environ.setdefault("PYTHONWARNINGS", "ignore:resource_tracker")
    make_streams_safe()
    # Everything is written and closed: taking the interpreter apart would only take time.
    os._exit(_exit_code())


def _exit_code() -> int:
    code: object = 0
    try:
        try:
            cli(prog_name="convcli")
        except SystemExit as stop:
            code = stop.code
        for stream in (sys.stdout, sys.stderr):
            if stream is not None:
                stream.flush()
    except OSError as error:
        # Standard output, or what a machine can run out of: no fault of the program's.
        if error.errno != errno.EPIPE:
            with suppress(OSError):
                place = f"{error.filename}: " if error.filename else ""
                click.echo(f"Error: {place}{error.strerror or error}", err=True)
        return code if isinstance(code, int) and code else 1
    except MemoryError:
        click.echo("Error: there is not enough memory", err=True)
        return 1
    return code if isinstance(code, int) else 0 if code is None else 1
