"""Messages: parameters in Python and options on the command line; help in groups."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import click
import pytest
from PIL import Image
from test_architecture import PACKAGE
from test_cli import commands

from convcli import ImageError, PlanError, read_image, write_image
from convcli.batch import plan_jobs
from convcli.batch.inputs import expand
from convcli.cli import cli
from convcli.cli.flags import PARAMETERS, in_flags
from convcli.cli.groups import GROUPS
from convcli.cli.terminal import Messages

COMMANDS = [
    command
    for path, command in commands(cli).items()
    if path in {("apply",), ("deconvolve",), ("upsample",)}
]


def texts(path: Path) -> Iterator[str]:
    """Yield the texts in a module, but for docstrings."""
    tree = ast.parse(path.read_text())
    spared = {node.value for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and node not in spared:
            yield node.value


@pytest.mark.parametrize(
    "path",
    [
        path
        for path in sorted(PACKAGE.rglob("*.py"))
        # The lesson prints commands and code, with options as a user types them; __main__ looks at
        # what the user typed.
        if not {"cli", "explain", "__main__.py"} & set(path.relative_to(PACKAGE).parts)
    ],
    ids=lambda path: str(path.relative_to(PACKAGE)),
)
def test_the_library_names_parameters_that_the_command_line_can_translate(path: Path) -> None:
    for text in texts(path):
        assert not re.search(r"(?<![\w-])(--[a-z]|-[a-z] [A-Z]{2})", text), text
        rendered = in_flags(text)
        assert not re.search(r'\b[a-z_]+=(True|False|"|\{|[A-Z]{2,}|N\b)', rendered), text


def test_every_parameter_becomes_an_existing_option() -> None:
    options = {
        flag
        for command in (*COMMANDS, commands(cli)["fit",])
        for parameter in command.params
        for flag in (*parameter.opts, *parameter.secondary_opts)
    }
    for name in PARAMETERS:
        assert in_flags(f"{name}=True") in options
    assert in_flags("give normalize=False") == "give --no-normalize"


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ('take the first (frames="first"), or', "take the first (--frames first), or"),
        ("overwrite=True: or", "--overwrite: or"),
        ("a limit (max_pixels=N)", "a limit (--max-pixels N)"),
        ('save={"compression": "raw"} keeps it', "--save compression=raw keeps it"),
        ("output_dir=DIR or output=FILE", "-d DIR or -o FILE"),
        ("workers=1 needs none", "-j 1 needs none"),
        ("in/mode=RGB/a.png: or mode=RGB/a.png", "in/mode=RGB/a.png: or mode=RGB/a.png"),
        ("format=PNG.png and my-mode=RGB", "format=PNG.png and my-mode=RGB"),
        ("sigma=12 and frames=all", "sigma=12 and frames=all"),
    ],
)
def test_parameters_are_translated_and_names_of_files_are_not(text: str, shown: str) -> None:
    assert in_flags(text) == shown


def test_python_and_the_command_line_say_the_same_in_their_own_words(
    run, photo: Path, tmp_path: Path
) -> None:
    with pytest.raises(ImageError, match=r"exists already: .* overwrite=True$"):
        write_image(read_image(photo), photo)
    target = tmp_path / "there.png"
    target.touch()
    done = run("apply", "-f", "identity", photo, "-o", target)
    assert done.stderr.endswith("exists already: choose another name, or give --overwrite\n")
    with pytest.raises(PlanError, match="recursive=True takes"):
        expand([str(tmp_path)])
    done = run("apply", "-f", "identity", tmp_path, "-d", tmp_path / "out")
    assert "is a folder: -r takes the images in it" in done.stderr
    with pytest.raises(PlanError, match="output_dir=DIR takes any number"):
        plan_jobs(["a.png", "b.png"], output="c.png")
    done = run("apply", "-f", "identity", photo, photo, "-o", tmp_path / "c.png")
    assert "-d DIR takes any number" in done.stderr


def test_the_report_has_the_messages_of_the_command_line(run, photo: Path, tmp_path: Path) -> None:
    flags = ["-f", "sepia", "--mode", "L", "-o", tmp_path / "out.png", "--report", "-"]
    done = run("apply", photo, *flags)
    assert '"error": ' in done.stdout
    assert "--mode MODE converts the picture" in done.stdout
    assert "mode=" not in done.stdout + done.stderr


def test_every_option_of_every_command_belongs_to_a_group() -> None:
    for path, command in commands(cli).items():
        for parameter in command.params:
            if isinstance(parameter, click.Option) and path:
                assert getattr(parameter, "group", None) in GROUPS, (path, parameter.name)


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: command.name)
def test_help_shows_groups_in_order_each_fitting_a_screen(command: click.Command) -> None:
    context = click.Context(command, terminal_width=80, max_content_width=100)
    context.help_option_names = ["-h", "--help"]
    text = command.get_help(context)
    parts = dict(re.findall(r"(?ms)^(\w[\w ]+):\n(.*?)(?=^\w|\Z)", text))
    shown = [name for name in parts if name in GROUPS]
    assert shown == [name for name in GROUPS if name not in ("Explanation", "Fit")]
    assert all(part.count("\n") < 24 for part in parts.values())
    assert parts["Other"].lstrip().startswith("-h, --help  Show this message and exit.")
    for parameter in command.params:
        if isinstance(parameter, click.Option):
            assert parameter.opts[0] in parts[parameter.group]  # type: ignore[attr-defined]


def test_pad_says_what_it_does_in_each_command(run) -> None:
    assert "Rows and columns added around the picture" in run("apply", "--help").stdout
    words = " ".join(run("upsample", "--help").stdout.split())
    assert "Rows and columns cropped from the result" in words
    assert "added around" not in words


def test_warnings_of_one_kind_are_shown_three_times_and_then_counted(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with Messages(9, quiet=False, progress=False) as messages:
        for number in range(5):
            messages.warning(f"{number}.png", f"only the first of {number} pictures is used")
        messages.warning("a.png", "something else")
        assert len(capsys.readouterr().err.splitlines()) == 4
    assert capsys.readouterr().err == (
        "Warning: only the first of 0 pictures is used ... and 2 more like it\n"
    )
    with Messages(9, quiet=True, progress=False) as messages:
        for _ in range(5):
            messages.warning("a.png", "only the first of 2 pictures is used")
    assert capsys.readouterr().err == ""


def test_a_batch_counts_warnings_and_its_report_has_them_all(run, tmp_path: Path) -> None:
    names = [tmp_path / f"{number}.png" for number in range(6)]
    for name in names:
        Image.new("RGBA", (3, 3)).save(name)
    flags = ["-d", tmp_path / "out", "--format", "jpg", "--report", tmp_path / "r.jsonl"]
    lines = run("apply", "-f", "identity", *names, *flags).stderr.splitlines()
    loss = "JPEG holds no transparency: the picture is composited on white"
    assert [line.endswith(f"png: {loss}") for line in lines] == [True] * 3 + [False] * 2
    assert lines[3] == f"Warning: {loss} ... and 3 more like it"
    assert lines[4].startswith("6 done, 0 skipped, 0 failed, ")
    assert (tmp_path / "r.jsonl").read_text().count(loss) == 6
