"""Packages that are installed on request only, as extras of this one."""

from __future__ import annotations

from importlib import import_module
from types import ModuleType

from convcli.errors import PlanError


def needed(module: str, extra: str, what: str) -> ModuleType:
    """Import a module of the extra; raises a PlanError where it is missing.

    ``what`` is the subject of the message: what needs the module.
    """
    try:
        return import_module(module)
    except ModuleNotFoundError as error:
        if error.name is None or error.name.partition(".")[0] != module.partition(".")[0]:
            raise
        package = module.partition(".")[0]
        raise PlanError(
            f"{what} needs the package {package}: pip install 'convcli[{extra}]' installs it"
        ) from None
