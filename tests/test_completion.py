"""What bash, zsh and fish offer for a word that is half typed."""

from __future__ import annotations

import os
import select
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest
from click.shell_completion import get_completion_class
from conftest import ROOT

from convcli.cli import cli
from convcli.cli.completion import FORMATS, PRESETS
from convcli.filters.bundled import bundled_filters
from convcli.filters.interpolation import PRESETS as KNOWN_PRESETS
from convcli.filters.kinds.catalogue import KINDS
from convcli.images import output_format

PATIENCE = 20.0


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Go to a folder of files to complete, with this package as ``convcli`` on the PATH."""
    (tmp_path / "bin").mkdir()
    command = tmp_path / "bin" / "convcli"
    command.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m convcli "$@"\n')
    command.chmod(0o755)
    monkeypatch.setenv("PATH", f"{command.parent}:{os.environ['PATH']}")
    home = tmp_path / "home"
    (home / "folder").mkdir(parents=True)
    for name in ("photo.png", "two words.png", "a:b.png", "mine.json", "my own.json"):
        (home / name).touch()
    monkeypatch.chdir(home)
    return home


def offered(words: list[str]) -> list[str]:
    """Return what Click offers a shell: values, or the kind of path that the shell completes."""
    kind = get_completion_class("bash")
    *args, incomplete = words
    items = kind(cli, {}, "convcli", "_CONVCLI_COMPLETE").get_completions(args, incomplete)
    return [item.value if item.type == "plain" else f"<{item.type}>" for item in items]


BUNDLED = list(bundled_filters())
KIND_NAMES = [f"{name}:" if kind.parameters else name for name, kind in KINDS.items()]
OFFERS = [
    (["a"], ["apply"]),
    (["upsample", "--norm"], ["--normalize"]),
    (["apply", "--pad-mode", "re"], ["reflect", "replicate"]),
    (["apply", "--mode", ""], ["L", "RGB", "RGBA", "CMYK"]),
    (["apply", "--format", "p"], ["png", "ppm"]),
    (["apply", "-f", "sha"], ["sharpen"]),
    (["apply", "-f", "sharpen", "-f", "sob"], ["sobel", "sobel-x", "sobel-y", "sobel:"]),
    (["apply", "--filter", ""], [*BUNDLED, *KIND_NAMES, "mine.json"]),
    (["apply", "-f", "mi"], ["mine.json"]),
    (["apply", "-f", "my o"], ["<file>"]),
    (["apply", "-f", "../"], ["<file>"]),
    (["apply", "-f", "gau"], ["gaussian-blur", "gaussian-blur-large", "gaussian:"]),
    (["apply", "-f", "motion:"], ["motion:length=", "motion:angle="]),
    (["apply", "-f", "motion:length=3,a"], ["motion:length=3,angle="]),
    (["apply", "-f", "gaussian:sigma_y=3,sig"], ["gaussian:sigma_y=3,sigma="]),
    (
        ["apply", "-f", "savgol:size=5,axis="],
        ["savgol:size=5,axis=x", "savgol:size=5,axis=y", "savgol:size=5,axis=both"],
    ),
    (["apply", "-f", "gaussian:sigma="], ["<file>"]),
    (["filters", "make", "mo"], ["motion"]),
    (["filters", "make", "lowpass", "--window", "h"], ["hann", "hamming"]),
    (["upsample", "-f", "b"], ["bilinear", "bicubic", "box-blur", "box:", "binomial:"]),
    (["upsample", "-f", "near"], ["nearest"]),
    (["upsample", "-f", ""], [*PRESETS, *BUNDLED, *KIND_NAMES, "mine.json"]),
    (["upsample", "-f", "../"], ["<file>"]),
    (["filters", "s"], ["schema", "sheet", "show"]),
    (["filters", "info", "sha"], ["sharpen"]),
    (["filters", "sheet", "-f", "sha"], ["sharpen"]),
    (["filters", "show", "sha"], ["sharpen"]),
    (["apply", ""], ["<file>"]),
    (["apply", "-f", "sharpen", "photo.png", "tw"], ["<file>"]),
    (["apply", "-o", ""], ["<file>"]),
    (["apply", "-d", ""], ["<dir>"]),
    (["apply", "--files-from", ""], ["<file>"]),
    (["apply", "--report", ""], ["<file>"]),
    (["no-such-command", ""], ["apply", "deconvolve", "explain", "filters", "fit", "upsample"]),
    (["apply", "--stride", ""], []),
]


@pytest.mark.parametrize(("words", "expected"), OFFERS, ids=[" ".join(w) for w, _ in OFFERS])
def test_completions_are_offered(folder: Path, words: list[str], expected: list[str]) -> None:
    assert offered(words) == expected


def test_every_completion_is_accepted() -> None:
    assert set(PRESETS) == set(KNOWN_PRESETS)
    for name in FORMATS:
        output_format(name)


@pytest.mark.parametrize("words", ["apply -f sha", "upsample --format ", "apply --pa", "app"])
def test_completion_imports_neither_numpy_nor_pillow(folder: Path, words: str) -> None:
    code = (
        "import sys\nfrom convcli.cli import cli\n"
        "try:\n    cli(prog_name='convcli')\n"
        "except SystemExit:\n    print(sorted({'numpy', 'PIL'} & set(sys.modules)))"
    )
    asked = {
        "_CONVCLI_COMPLETE": "bash_complete",
        "COMP_WORDS": f"convcli {words}",
        "COMP_CWORD": str(words.count(" ") + 1),
    }
    done = subprocess.run(
        [sys.executable, "-c", code],
        env=os.environ | asked,
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.startswith("plain,")
    assert done.stdout.endswith("[]\n")


@pytest.mark.parametrize(
    ("words", "offers"),
    [
        (["apply", "-f", "motion", ":"], ["length=", "angle="]),
        (["apply", "-f", "motion", ":", "length", "=", "9,a"], ["9,angle="]),
        (["apply", "-f", "savgol", ":", "axis", "="], ["x", "y", "both"]),
        (["apply", "-f", "motion", ":", "length", "=", "9", "-f", "shar"], ["sharpen"]),
        (["apply", "--mode", "=", "RG"], ["RGB", "RGBA"]),
        (["apply", "--pad-mode", ""], ["zeros", "reflect", "replicate", "circular"]),
    ],
)
def test_words_that_bash_splits_are_joined_again(words: list[str], offers: list[str]) -> None:
    asked = {
        "_CONVCLI_COMPLETE": "bash_complete",
        "COMP_WORDS": " ".join(["convcli", *words]),
        "COMP_CWORD": str(len(words)),
    }
    done = subprocess.run(
        [sys.executable, "-m", "convcli"], env=os.environ | asked, capture_output=True, text=True
    )
    assert [line.removeprefix("plain,") for line in done.stdout.splitlines()] == offers


LINES = {
    "bash": 'eval "$(_CONVCLI_COMPLETE=bash_source convcli)"',
    "zsh": 'eval "$(_CONVCLI_COMPLETE=zsh_source convcli)"',
    "fish": "_CONVCLI_COMPLETE=fish_source convcli | source",
}
START = {
    "bash": (["bash", "--norc", "--noprofile", "-i"], ":"),
    "zsh": (["zsh", "-f", "-i"], "autoload -U compinit && compinit -u -D"),
}


@pytest.mark.parametrize("shell", LINES)
def test_the_readme_says_how_it_is_switched_on(shell: str) -> None:
    assert f"`{LINES[shell].replace('|', chr(92) + '|')}`" in (ROOT / "README.md").read_text()


class Terminal:
    """A shell in a terminal, as somebody types into it."""

    def __init__(self, command: list[str]) -> None:
        import pty

        pid, self.number = pty.fork()
        if pid == 0:
            os.environ |= {"TERM": "dumb", "PS1": "", "HISTFILE": "/dev/null"}
            os.execvp(command[0], command)
        self.pid = pid
        self.seen = ""

    def type(self, text: str) -> None:
        self.seen = ""
        os.write(self.number, text.encode())

    def wait_for(self, text: str) -> None:
        deadline = time.monotonic() + PATIENCE
        while text not in self.seen:
            left = deadline - time.monotonic()
            assert left > 0, f"{text!r} does not appear, but {self.seen!r}"
            if select.select([self.number], [], [], left)[0]:
                self.seen += os.read(self.number, 65536).decode(errors="replace")

    def close(self) -> None:
        os.kill(self.pid, 9)
        os.waitpid(self.pid, 0)
        os.close(self.number)


@pytest.mark.parametrize("shell", START)
def test_bash_and_zsh_complete(folder: Path, shell: str) -> None:
    command, setup = START[shell]
    if shutil.which(shell) is None:
        pytest.skip(f"{shell} is not installed")
    terminal = Terminal(command)
    try:
        terminal.type(f"{setup}; {LINES[shell]}; echo rea''dy\n")
        terminal.wait_for("ready\r\n")
        for typed, completed in [
            *(
                [("convcli apply -f moti\t", "motion"), (":l\t", ":length="), ("9,a\t", "9,angle=")]
                if shell == "bash"
                else []
            ),
            ("3\x15convcli apply -f sha\t", "sharpen "),
            ("photo.p\t", "photo.png "),
            ("-o tw\t", "two\\ words.png "),
            ("a\t", "a:b.png "),
            ("--pad-m\t", "--pad-mode "),
            ("ci\t", "circular "),
            ("-d fo\t", "folder/"),
        ]:
            terminal.type(typed)
            terminal.wait_for(completed[len(typed.split()[-1]) :])
    finally:
        terminal.close()


@pytest.mark.skipif(shutil.which("fish") is None, reason="fish is not installed")
def test_fish_completes(folder: Path) -> None:
    asked = ["apply -f sha", "apply pho", "apply -o tw", "apply --pad-mode ci", "apply -d fo"]
    lines = [LINES["fish"]]
    lines += [f"complete -C 'convcli {words}'" for words in asked]
    done = subprocess.run(
        ["fish", "--no-config", "-c", "\n".join(lines)],
        env=os.environ | {"HOME": str(folder)},
        capture_output=True,
        text=True,
        check=True,
    )
    values = [line.partition("\t")[0] for line in done.stdout.splitlines()]
    assert values == ["sharpen", "photo.png", "two words.png", "circular", "folder/"]
