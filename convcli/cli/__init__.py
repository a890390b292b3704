"""The command line, and the only part that knows Click.

Commands import the library when they run, so that help and version need neither NumPy nor
Pillow.
"""

from __future__ import annotations

import os
from typing import Any

import click

from convcli import __version__
from convcli.cli.apply import apply
from convcli.cli.filters import filters
from convcli.cli.upsample import upsample
from convcli.errors import ConvcliError


class Boundary(click.Group):
    """The one place where the library's errors become messages and exit codes."""

    def invoke(self, ctx: click.Context) -> Any:
        """Run a command: 2 for a request that is wrong, 130 for an interrupt."""
        try:
            return super().invoke(ctx)
        except ConvcliError as error:
            # Errors of single images end as results; what arrives here was found before any work.
            click.echo(f"Error: {error}", err=True)
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


cli.add_command(apply)
cli.add_command(upsample)
cli.add_command(filters)


def main() -> None:
    """Run the command line of this process."""
    # The kernel's own threads share the processors; BLAS must not start more under each of them.
    for variable in ("OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "VECLIB_MAXIMUM_THREADS"):
        os.environ.setdefault(variable, "1")
    cli(prog_name="convcli")
