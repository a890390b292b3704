"""The command line: the only room that imports Click.

Commands import the library in their bodies, so that help and version load neither NumPy nor Pillow.
"""

from __future__ import annotations

import errno
import os
import signal
import sys
from contextlib import suppress
from importlib import import_module
from typing import Any, NoReturn

import click

from convcli import __version__
from convcli.errors import ConvcliError
from convcli.system.signals import INTERRUPTED, die_of

COMMANDS = ("apply", "deconvolve", "explain", "filters", "fit", "upsample")
"""The commands. Each is defined in the module of its name, as an object of that name."""


class Boundary(click.Group):
    """The command group: the one place where errors become messages and exit codes."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the names of the commands."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import the module of one command, and return the command."""
        if cmd_name not in COMMANDS and ctx.resilient_parsing:  # shell completion
            return None
        if cmd_name not in COMMANDS:
            from difflib import get_close_matches

            near = get_close_matches(cmd_name, COMMANDS, 1)
            hint = f" Did you mean {near[0]!r}?" if near else f" There are {', '.join(COMMANDS)}."
            ctx.fail(f"No such command {cmd_name!r}.{hint}")
        command: click.Command = getattr(import_module(f"convcli.cli.{cmd_name}"), cmd_name)
        return command

    def invoke(self, ctx: click.Context) -> Any:
        """Run a command: exit code 2 for a wrong command line, 130 for an interrupt.

        :func:`main` dies of SIGINT instead; a program that calls ``cli`` gets the exit code.
        """
        try:
            return super().invoke(ctx)
        except ConvcliError as error:
            # Errors of single images are results; those that arrive here precede all work.
            from convcli.cli.flags import in_flags
            from convcli.cli.terminal import printable

            click.echo(f"Error: {printable(in_flags(str(error)), lines=True)}", err=True)
            raise click.exceptions.Exit(2) from error
        except KeyboardInterrupt:
            click.echo("Interrupted", err=True)
            raise click.exceptions.Exit(INTERRUPTED) from None


@click.group(
    cls=Boundary,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog="\b\nExample:\n  convcli apply -f sharpen photo.jpg -o sharp.jpg",
)
@click.version_option(__version__, message="%(prog)s %(version)s")
def cli() -> None:
    """Filter pictures: convolution and transposed convolution with your own kernels."""


if os.environ.get("_CONVCLI_COMPLETE", "").startswith("bash"):
    from click.shell_completion import add_completion_class

    from convcli.cli.bash_completion import Bash

    add_completion_class(Bash)


def main() -> NoReturn:
    """Run the command line, in a process that ``convcli.__main__`` has set up, and exit."""
    # All files are written and closed: finalising the interpreter would only take time.
    code = _exit_code()
    if code == INTERRUPTED:
        die_of(signal.SIGINT)
    os._exit(code)


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
        # Standard output cannot be written, or the system is out of some resource.
        if error.errno != errno.EPIPE:
            from convcli.cli.flags import in_flags

            with suppress(OSError):
                place = f"{error.filename}: " if error.filename else ""
                click.echo(f"Error: {place}{in_flags(error.strerror or str(error))}", err=True)
        return code if isinstance(code, int) and code else 1
    except MemoryError:
        click.echo("Error: there is not enough memory", err=True)
        return 1
    return code if isinstance(code, int) else 0 if code is None else 1
