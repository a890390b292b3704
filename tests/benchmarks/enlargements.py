"""Jobs that enlarge picture files, as whole processes, and the commands of peers."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from peers import HERE, Job, Tools, sharpen

MARGIN = 8
"""Pixels at the border that may differ: tools extend pictures in several ways."""

SHIFTED_VIPS = "vips, shifted"
VIPS = {"nearest": "nearest", "bilinear": "linear", "bicubic": "cubic", "lanczos": "lanczos3"}
MAGICK = {"nearest": "Point", "bilinear": "Triangle", "bicubic": "Catrom", "lanczos": "Lanczos"}
FFMPEG = {
    "nearest": "neighbor",
    "bilinear": "bilinear",
    "bicubic": "bicubic:param0=0:param1=0.5",
    "lanczos": "lanczos",
}


@dataclass(frozen=True)
class Enlargement(Job):
    """A picture for ``convcli upsample`` with a preset, or with ``arguments`` no peer has."""

    preset: str = ""
    scale: int = 2
    arguments: tuple[str, ...] = ()

    @property
    def border(self) -> int:
        return MARGIN

    def lines(self, tools: Tools, work: Path) -> Iterator[tuple[str, list[str]]]:
        source, is_jpeg = str(work / self.picture), self.extension == ".jpg"
        quality = ["--quality", "75"] if is_jpeg else []
        ours = [*tools.convcli, "upsample", "--scale", str(self.scale), *quality]
        filter = ["-f", self.preset] if self.preset else []
        yield "convcli", [*ours, *filter, *self.arguments, source, "-o", "TARGET"]
        if self.preset and not self.arguments:
            yield from self._peers(tools, source, is_jpeg=is_jpeg)

    def _peers(
        self, tools: Tools, source: str, *, is_jpeg: bool
    ) -> Iterator[tuple[str, list[str]]]:
        script = [str(HERE / "library_enlarge.py"), self.preset, str(self.scale), source, "TARGET"]
        yield "pillow", [sys.executable, *script]
        if "cv2" in tools.modules:
            yield "opencv", [tools.python, script[0], f"opencv-{self.preset}", *script[2:]]
        if "vips" in tools.found:
            target = "TARGET[Q=75]" if is_jpeg else "TARGET"
            line = [tools.found["vips"], "resize", source, target, str(self.scale)]
            yield SHIFTED_VIPS, [*line, "--kernel", VIPS[self.preset]]
        if "gm" in tools.found:
            quality = ["-quality", "75"] if is_jpeg else []
            line = [tools.found["gm"], "convert", source, "-filter", MAGICK[self.preset]]
            yield "gm", [*line, "-resize", f"{100 * self.scale}%", *quality, "TARGET"]
        if "ffmpeg" in tools.found and is_jpeg:
            size = f"scale=iw*{self.scale}:ih*{self.scale}:flags={FFMPEG[self.preset]}"
            line = [tools.found["ffmpeg"], "-v", "error", "-y", "-i", source, "-vf", size]
            yield "ffmpeg", [*line, "-q:v", "4", "-frames:v", "1", "-update", "1", "TARGET"]


def enlargements(*, quick: bool) -> list[Job]:
    """Return every such job, on smaller pictures to be ``quick``."""
    size, label = ("1024x768", "1 MP") if quick else ("2048x1536", "3 MP")
    photo, with_alpha = f"photo-{size}.jpg", f"rgba-{size}.png"
    found: list[Job] = [
        Enlargement(f"{label} JPEG enlarged ×2, {preset}", photo, sharpen(), preset=preset)
        for preset in VIPS
    ]
    found.append(
        Enlargement(
            f"{label} JPEG enlarged ×3, lanczos", photo, sharpen(), preset="lanczos", scale=3
        )
    )
    found.append(
        Enlargement(f"{label} PNG enlarged ×2, RGBA", with_alpha, sharpen(), preset="bicubic")
    )
    linear = ("--linear",)
    name = f"{label} JPEG enlarged ×2, linear light"
    found.append(Enlargement(name, photo, sharpen(), preset="bicubic", arguments=linear))
    for taps in (3, 5, 9):
        dense = [
            [1 + (7 * u * u + 5 * u * v + 3 * v) % 11 for v in range(taps)] for u in range(taps)
        ]
        kernel = json.dumps({"weight": dense, "divisor": sum(map(sum, dense)) / 4})
        name = f"{label} JPEG enlarged ×2, dense {taps}×{taps}"
        found.append(Enlargement(name, photo, sharpen(), arguments=("-f", kernel)))
    return found
