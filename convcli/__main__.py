"""The process that a shell starts: ``convcli``, or ``python -m convcli``."""

from typing import NoReturn

from convcli.system.signals import end_on_signals


def main() -> NoReturn:
    """Run the command line; slow imports come after the signal handlers are set."""
    end_on_signals()
    from convcli.cli import main as run

    run()


if __name__ == "__main__":
    main()
