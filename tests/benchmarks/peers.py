"""The jobs on picture files, the tools that are installed, and their command lines."""

from __future__ import annotations

import json
import math
import os
import random
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

HERE = Path(__file__).resolve().parent
MAGICK_WIDEST = 15
"""GraphicsMagick and ImageMagick are left out above: they take half a minute for 31×31."""

PROBE = """
import importlib, json
found = {}
for name in ("numpy", "PIL", "click", "cv2", "torch", "scipy"):
    try:
        found[name] = importlib.import_module(name).__version__
    except Exception:
        pass
print(json.dumps(found))
"""


@dataclass(frozen=True)
class Kernel:
    """A kernel of whole numbers over a divisor; where it is separable, its ``vector``."""

    name: str
    rows: tuple[tuple[int, ...], ...]
    vector: tuple[int, ...] = ()

    @property
    def size(self) -> int:
        return len(self.rows)

    @property
    def divisor(self) -> int:
        return sum(map(sum, self.rows))

    def write(self, folder: Path) -> None:
        """Write it as every tool wants it: JSON, matrices of libvips, plain numbers."""
        filter_file = {"weight": self.rows, "divisor": self.divisor, "pad_mode": "replicate"}
        (folder / f"{self.name}.json").write_text(json.dumps(filter_file))
        numbers = "\n".join(" ".join(map(str, row)) for row in self.rows)
        header = f"{self.size} {self.size} {self.divisor} 0"
        (folder / f"{self.name}.mat").write_text(f"{header}\n{numbers}\n")
        fractions = "\n".join(" ".join(str(n / self.divisor) for n in row) for row in self.rows)
        (folder / f"{self.name}.txt").write_text(fractions + "\n")
        if self.vector:
            total = sum(self.vector)
            line = " ".join(map(str, self.vector))
            (folder / f"{self.name}.row.mat").write_text(f"{self.size} 1 {total} 0\n{line}\n")
            line = " ".join(str(n / total) for n in self.vector)
            (folder / f"{self.name}.row.txt").write_text(line + "\n")


def sharpen() -> Kernel:
    """Return the usual 3×3 kernel that sharpens."""
    return Kernel("sharpen", ((0, -1, 0), (-1, 5, -1), (0, -1, 0)))


def dense(size: int) -> Kernel:
    """Return random whole numbers of full rank, so lopsided that to turn them round would show."""
    numbers = random.Random(size)
    rows = tuple(
        tuple(numbers.randint(1, 9) * (1 + u + v) for v in range(size)) for u in range(size)
    )
    return Kernel(f"dense{size}", rows)


def gaussian(size: int) -> Kernel:
    """Return a Gaussian of which three standard deviations fit."""
    middle = size // 2
    curve = [math.exp(-((3 * (i - middle) / middle) ** 2) / 2) for i in range(size)]
    vector = tuple(round(200 * value) for value in curve)
    return Kernel(f"gaussian{size}", tuple(tuple(a * b for b in vector) for a in vector), vector)


DEFLATE = "deflate"
"""How a result is compressed: deflate with the horizontal predictor, for TIFF."""


@dataclass(frozen=True)
class Job:
    """A picture, or a folder of them, to be convolved with a kernel.

    ``compression`` is that of the result, "" for what each tool does by default.
    """

    name: str
    picture: str
    kernel: Kernel
    compression: str = ""

    @property
    def is_batch(self) -> bool:
        return "." not in self.picture

    @property
    def extension(self) -> str:
        return ".jpg" if self.is_batch else Path(self.picture).suffix

    @property
    def is_deep(self) -> bool:
        """Whether the picture has 16 bits a channel."""
        return self.picture.startswith("deep-")

    @property
    def border(self) -> int:
        """Return how many pixels at the border may differ."""
        return self.kernel.size

    def lines(self, tools: Tools, work: Path) -> Iterator[tuple[str, list[str]]]:
        """Give each tool's name and its command line, with TARGET where its result goes."""
        return _lines(self, tools, work)


def jobs(*, quick: bool) -> list[Job]:
    """Return every job on picture files, on smaller pictures to be ``quick``."""
    large, middle, count = (6000, 4000), (2048, 1536), 200
    if quick:
        large, middle, count = (1800, 1200), (1024, 768), 20
    mp = {size: f"{size[0] * size[1] / 1e6:.0f} MP" for size in (large, middle)}
    big, small = ("x".join(map(str, size)) for size in (large, middle))
    found = [
        Job(f"{mp[large]} JPEG 3×3", f"photo-{big}.jpg", sharpen()),
        Job(f"{mp[large]} JPEG dense 9×9", f"photo-{big}.jpg", dense(9)),
        Job(f"{mp[large]} TIFF 3×3", f"photo-{big}.tif", sharpen()),
        Job(f"{mp[large]} PNG 3×3, photo", f"photo-{big}.png", sharpen()),
        Job(f"{mp[large]} PNG 3×3, line art", f"lineart-{big}.png", sharpen()),
        Job(f"{mp[large]} PNG 3×3, screenshot", f"screenshot-{big}.png", sharpen()),
        Job(f"{mp[large]} 16-bit PNG 3×3", f"deep-{big}.png", sharpen()),
        Job(f"{mp[large]} 16-bit TIFF 3×3", f"deep-{big}.tif", sharpen()),
        Job(f"{mp[large]} 16-bit TIFF 3×3, deflate", f"deep-{big}.tif", sharpen(), DEFLATE),
    ]
    for kernel in (dense(5), dense(9), dense(15), dense(31)):
        size = f"{kernel.size}×{kernel.size}"
        found.append(Job(f"{mp[middle]} JPEG dense {size}", f"photo-{small}.jpg", kernel))
    found.append(Job(f"{mp[middle]} JPEG Gaussian 31×31", f"photo-{small}.jpg", gaussian(31)))
    found.append(Job(f"{count} JPEGs 640×480 3×3", f"small-{count}", sharpen()))
    return found


@dataclass(frozen=True)
class Command:
    """The command line of a tool; its result goes to ``target``."""

    tool: str
    line: list[str]
    target: Path
    folder: Path | None = None


@dataclass
class Tools:
    """The tools that are installed, and those that are missing."""

    python: str
    modules: dict[str, str] = field(default_factory=dict)
    found: dict[str, str] = field(default_factory=dict)
    missing: list[str] = field(default_factory=list)
    convcli: list[str] = field(default_factory=list)
    jobs_flag: list[str] = field(default_factory=list)

    @classmethod
    def find(cls, python: str) -> Tools:
        """Look for the peers: commands on the PATH, and what ``python`` can import."""
        tools = cls(python)
        for name in ("vips", "gm", "convert", "mogrify", "ffmpeg"):
            path = _program(name)
            if path is None:
                tools.missing.append(f"{name} (no such program on the PATH)")
            else:
                tools.found[name] = path
        probed = subprocess.run([python, "-c", PROBE], capture_output=True, text=True, check=False)
        tools.modules = json.loads(probed.stdout) if probed.returncode == 0 else {}
        for module in ("cv2", "torch"):
            if module not in tools.modules:
                tools.missing.append(f"{module} (not in {Path(python).name}; see --python)")
        tools.convcli = own_command()
        help_text = subprocess.run(
            [*tools.convcli, "apply", "--help"], capture_output=True, text=True, check=True
        )
        if "--jobs" in help_text.stdout:
            tools.jobs_flag = ["-j", "2"]
        return tools


def own_command() -> list[str]:
    """Return the command line of convcli in this environment."""
    script = Path(sys.executable).with_name("convcli")
    return [str(script)] if script.exists() else [sys.executable, "-m", "convcli"]


def _program(name: str) -> str | None:
    """Return the first program of that name on the PATH that is no script, or None.

    A script that calls the program would be timed along with it.
    """
    for folder in os.get_exec_path():
        path = shutil.which(name, path=folder)
        if path is not None:
            with open(path, "rb") as file:
                if file.read(2) != b"#!":
                    return path
    return None


def commands(job: Job, tools: Tools, work: Path) -> Iterator[Command]:
    """Yield each tool's command for ``job``, ours first; ``work`` holds pictures and kernels."""
    for tool, command in job.lines(tools, work):
        target = (
            work / "results" / (tool.replace(" ", "-") + ("" if job.is_batch else job.extension))
        )
        folder = work / job.picture if job.is_batch else None
        line = [part.replace("TARGET", str(target)) for part in command]
        yield Command(tool, line, target, folder)


def _lines(job: Job, tools: Tools, work: Path) -> Iterator[tuple[str, list[str]]]:
    """Yield each tool's name and its command line, with TARGET where its result goes."""
    kernel, source = job.kernel, str(work / job.picture)
    names = sorted(path.name for path in (work / job.picture).iterdir()) if job.is_batch else []
    matrix = {
        end: str(work / f"{kernel.name}.{end}")
        for end in ("json", "mat", "txt", "row.mat", "row.txt")
    }
    is_jpeg = job.extension == ".jpg"
    quality = ["--quality", "75"] if is_jpeg else []
    packs = job.compression == DEFLATE
    quality += ["--save", "compression=tiff_adobe_deflate"] if packs else []
    ours = [*tools.convcli, "apply", "-f", matrix["json"], *quality]
    if job.is_batch:
        yield "convcli", [*ours, *tools.jobs_flag, *names, "-d", "TARGET"]
    else:
        yield "convcli", [*ours, source, "-o", "TARGET"]

    if "cv2" in tools.modules and not packs:
        script = [tools.python, str(HERE / "opencv_filter.py")]
        sources = names or [source]
        yield "opencv", [*script, matrix["txt"], "TARGET", "filter2D", *sources]
        if job.extension == ".tif" and not packs:
            plain = [*script, matrix["txt"], "TARGET", "filter2D raw", *sources]
            yield "opencv, uncompressed", plain
        if kernel.vector:
            yield (
                "opencv separable",
                [*script, matrix["row.txt"], "TARGET", "sepFilter2D", *sources],
            )

    if "vips" in tools.found:
        vips, end = tools.found["vips"], "[Q=75]" if is_jpeg else ""
        end = "[compression=deflate,predictor=horizontal]" if packs else end
        if job.is_batch:
            each = f'{vips} conv "$1" "TARGET/$1{end}" {matrix["mat"]}'
            yield "vips, 2 at a time", ["sh", "-c", _xargs(each, names)]
        else:
            if job.extension != ".tif":  # where it would write floats
                yield "vips", [vips, "conv", source, "TARGET" + end, matrix["mat"]]
            whole = ["--precision", "integer"]
            yield "vips integer", [vips, "conv", source, "TARGET" + end, matrix["mat"], *whole]
            if kernel.vector:
                yield (
                    "vips separable",
                    [vips, "convsep", source, "TARGET" + end, matrix["row.mat"]],
                )

    quality = ["-quality", "75"] if is_jpeg else []
    quality += ["-compress", "zip", "-define", "tiff:predictor=2"] if packs else []
    if kernel.size <= MAGICK_WIDEST:
        yield from _magick(job, tools, source, names, quality)
    if "ffmpeg" in tools.found and kernel.size <= 5 and not (job.is_batch or packs):
        yield "ffmpeg", _ffmpeg(tools.found["ffmpeg"], job, source)


def _magick(
    job: Job, tools: Tools, source: str, names: list[str], quality: list[str]
) -> Iterator[tuple[str, list[str]]]:
    divisor = job.kernel.divisor
    # GraphicsMagick divides by the sum itself, and takes no more than 2000 characters.
    flat = ",".join(str(n) for row in job.kernel.rows for n in row)
    if "gm" in tools.found:
        gm = tools.found["gm"]
        if job.is_batch:
            into = ["-output-directory", "TARGET"]
            yield "gm mogrify", [gm, "mogrify", *into, "-convolve", flat, *quality, *names]
        else:
            yield "gm", [gm, "convert", source, "-convolve", flat, *quality, "TARGET"]
    # ImageMagick's Convolve is the mathematical one, and turns the kernel round.
    turned = ",".join(
        f"{n / divisor:.9g}" for row in reversed(job.kernel.rows) for n in reversed(row)
    )
    convolve = ["-morphology", "Convolve", f"{job.kernel.size}x{job.kernel.size}:{turned}"]
    if job.is_batch and "mogrify" in tools.found:
        mogrify = [tools.found["mogrify"], "-path", "TARGET"]
        yield "mogrify", [*mogrify, *convolve, *quality, *names]
    elif not job.is_batch and "convert" in tools.found:
        yield "imagemagick", [tools.found["convert"], source, *convolve, *quality, "TARGET"]


def _ffmpeg(ffmpeg: str, job: Job, source: str) -> list[str]:
    numbers = " ".join(str(n) for row in job.kernel.rows for n in row)
    factor = f"{1 / job.kernel.divisor:.9g}"
    convolution = ":".join([numbers] * 4 + [factor] * 4)
    last = "yuvj420p" if job.extension == ".jpg" else "rgb24"
    planes = "gbrp"
    if job.is_deep:
        planes, last = "gbrp16le", "rgb48be" if job.extension == ".png" else "rgb48le"
    options = {
        ".jpg": ["-q:v", "4"],  # of a scale of its own, and about quality 75
        ".tif": ["-compression_algo", "raw"],
        ".png": [],
    }[job.extension]
    return [
        *(ffmpeg, "-v", "error", "-y", "-i", source),
        *("-vf", f"format={planes},convolution={convolution},format={last}"),
        *options,
        *("-frames:v", "1", "-update", "1", "TARGET"),
    ]


def _xargs(each: str, names: list[str]) -> str:
    return f"printf '%s\\n' {' '.join(names)} | xargs -P 2 -I NAME sh -c '{each}' sh NAME"
