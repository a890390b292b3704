"""Shell completion of option values. It runs at a key press, so it imports nothing slow."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterable
from contextlib import suppress
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem

    from convcli.filters.kinds.kind import Parameter

    Items = list[CompletionItem[str]]

PRESETS = ("nearest", "bilinear", "bicubic", "lanczos")
FORMATS = ("png", "jpg", "tif", "webp", "gif", "bmp", "ppm", "npy")
"""The formats that are offered; more are supported."""


def files(ctx: click.Context, param: click.Parameter, incomplete: str) -> Items:
    """Let the shell complete names of files."""
    return [_item(incomplete, "file")]


def folders(ctx: click.Context, param: click.Parameter, incomplete: str) -> Items:
    """Let the shell complete names of folders."""
    return [_item(incomplete, "dir")]


def formats(ctx: click.Context, param: click.Parameter, incomplete: str) -> Items:
    """Offer the usual image formats."""
    return _starting(FORMATS, incomplete)


def bundled(ctx: click.Context, param: click.Parameter, incomplete: str) -> Items:
    """Offer the names of the bundled filters."""
    from convcli.filters.bundled import bundled_filters

    return _starting(bundled_filters(), incomplete)


def filters(ctx: click.Context, param: click.Parameter, incomplete: str) -> Items:
    """Offer bundled filters, kinds, and the JSON files of the current folder; or else all files.

    After "kind:" the keys are offered that are not given yet, after "key=" the words it takes.
    """
    items = bundled(ctx, param, incomplete) + kinds(incomplete)
    items += _starting(_json_files(), incomplete)
    return items or files(ctx, param, incomplete)


def kinds(incomplete: str) -> Items:
    """Offer kinds, and after a kind its keys and their values."""
    from convcli.filters.kinds.catalogue import KINDS

    name, colon, text = incomplete.partition(":")
    if not colon:
        names = (f"{kind.name}:" if kind.parameters else kind.name for kind in KINDS.values())
        return _starting(names, incomplete)
    if name not in KINDS:
        return []
    *given, last = text.split(",")
    before = incomplete[: len(incomplete) - len(last)]
    key, equals, _ = last.partition("=")
    parameter = KINDS[name].parameter(key)
    if equals:
        words = parameter.choices if parameter else ()
        return _starting((f"{before}{key}={word}" for word in words), incomplete)
    used = {item.partition("=")[0].replace("_", "-") for item in given}
    keys = (one.name for one in KINDS[name].parameters if one.name not in used)
    return _starting((f"{before}{key}=" for key in keys), incomplete)


def values(parameter: Parameter) -> Callable[[click.Context, click.Parameter, str], Items]:
    """Return the completion of a key's value: the words that it takes."""

    def complete(ctx: click.Context, param: click.Parameter, incomplete: str) -> Items:
        return _starting(map(str, parameter.choices), incomplete)

    return complete


def upsamplers(ctx: click.Context, param: click.Parameter, incomplete: str) -> Items:
    """Offer presets and filters."""
    presets = _starting(PRESETS, incomplete)
    others = filters(ctx, param, incomplete)
    # If file completion is requested, bash ignores all other items.
    return presets or others if others[0].type == "file" else presets + others


def _starting(names: Iterable[str], incomplete: str) -> Items:
    return [_item(name) for name in names if name.startswith(incomplete)]


def _item(value: str, kind: str = "plain") -> CompletionItem[str]:
    from click.shell_completion import CompletionItem  # not needed to run a command

    return CompletionItem(value, kind)


def _json_files() -> list[str]:
    # Names that need quoting are left to the file completion of the shell.
    plain = re.compile(r"[\w.+-]+\.json", re.ASCII)
    names: list[str] = []
    with suppress(OSError):
        names = os.listdir()
    return sorted(name for name in names if plain.fullmatch(name) and name[0] not in "-.")
