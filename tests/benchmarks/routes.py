"""Jobs other than one dense kernel: blurs by sigma, bundled filters, options, RGBA."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from peers import HERE, Job, Tools, sharpen

BLURS = (2.0, 12.0, 50.0, 100.0)
"""Standard deviations of Gaussians."""
DISKS = (20, 60)
"""Radii of disks."""


@dataclass(frozen=True)
class Route(Job):
    """A picture for ``convcli apply`` with ``arguments``, and the commands of its peers.

    A peer is a name, a program and its arguments, where SOURCE and TARGET stand for files.
    ``margin`` is the width of the border in which results may differ.
    """

    arguments: tuple[str, ...] = ()
    peers: tuple[tuple[str, str, tuple[str, ...]], ...] = ()
    margin: int = 3

    @property
    def border(self) -> int:
        return self.margin

    def lines(self, tools: Tools, work: Path) -> Iterator[tuple[str, list[str]]]:
        source = str(work / self.picture)
        quality = ["--quality", "75"] if self.extension == ".jpg" else []
        yield (
            "convcli",
            [*tools.convcli, "apply", *self.arguments, *quality, source, "-o", "TARGET"],
        )
        programs = {"vips": tools.found.get("vips"), "pillow": sys.executable}
        programs["python"] = tools.python if "cv2" in tools.modules else None
        for tool, program, arguments in self.peers:
            if programs.get(program) is not None:
                line = [part.replace("SOURCE", source) for part in arguments]
                yield tool, [str(programs[program]), *line]


def routes(*, quick: bool) -> list[Job]:
    """Return every such job, on smaller pictures to be ``quick``."""
    size = "1800x1200" if quick else "6000x4000"
    label = "2 MP" if quick else "24 MP"
    photo, script = f"photo-{size}.jpg", str(HERE / "library_blur.py")
    out = "TARGET[Q=75]"
    found: list[Job] = []
    for sigma in BLURS:
        peers = (
            ("vips gaussblur", "vips", ("gaussblur", "SOURCE", out, f"{sigma:g}")),
            ("opencv", "python", (script, "gaussian", f"{sigma:g}", "SOURCE", "TARGET")),
            ("pillow, by boxes", "pillow", (script, "pillow", f"{sigma:g}", "SOURCE", "TARGET")),
        )
        arguments = ("-f", f"gaussian:sigma={sigma:g}")
        name = f"{label} JPEG Gaussian, sigma {sigma:g}"
        found.append(
            Route(
                name, photo, sharpen(), arguments=arguments, peers=peers, margin=int(4 * sigma) + 1
            )
        )
    box = (("opencv", "python", (script, "box", "101", "SOURCE", "TARGET")),)
    arguments = ("-f", "box:size=101", "--pad-mode", "replicate")
    found.append(
        Route(
            f"{label} JPEG box 101×101", photo, sharpen(), arguments=arguments, peers=box, margin=51
        )
    )
    for radius in DISKS:
        disk = (("opencv filter2D", "python", (script, "disk", f"{radius}", "SOURCE", "TARGET")),)
        arguments = ("-f", f"disk:radius={radius}")
        name = f"{label} JPEG disk, radius {radius}"
        found.append(
            Route(name, photo, sharpen(), arguments=arguments, peers=disk, margin=radius + 1)
        )
    bundled: tuple[tuple[str, tuple[str, ...], tuple[str, ...]], ...] = (
        ("Sobel", ("-f", "sobel"), ("sobel", "SOURCE", out)),
        ("edge-detect", ("-f", "edge-detect"), ()),
        ("sepia", ("-f", "sepia"), ()),
        ("sharpen, then blur", ("-f", "sharpen", "-f", "gaussian-blur"), ()),
        ("linear light 5×5", ("--linear", "-f", "gaussian-blur"), ()),
    )
    for name, arguments, peer in bundled:
        peers = (("vips", "vips", peer),) if peer else ()
        found.append(
            Route(f"{label} JPEG {name}", photo, sharpen(), arguments=arguments, peers=peers)
        )
    rgba, tiff = f"rgba-{size}.tif", f"photo-{size}.tif"
    matrix = str(HERE / "binomial5.mat")
    conv = ("conv", "SOURCE", "TARGET", matrix, "--precision", "integer")
    for name, picture in ((f"{label} RGBA TIFF 5×5", rgba), (f"{label} TIFF gaussian-blur", tiff)):
        blur = ("-f", "gaussian-blur")
        vips = ("gaussblur", "SOURCE", "TARGET", "1")
        peers = (("vips conv, integer", "vips", conv), ("vips gaussblur", "vips", vips))
        found.append(Route(name, picture, sharpen(), arguments=blur, peers=peers))
    return found
