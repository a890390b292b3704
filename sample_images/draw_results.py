"""Draw ``results/deconvolve.jpg``: a photo taken in motion, and what ``convcli deconvolve`` finds.

The blur sees more of the scene than the frame shows, and noise of a quarter of a level is added, as
a camera would. Every run gives the same picture.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image

from convcli import conv2d, deconvolve, make_filter, read_image

HERE = Path(__file__).resolve().parent


def main() -> None:
    """Draw both side by side."""
    psf = make_filter("motion", length=15, angle=25)
    scene = read_image(HERE / "landscape.jpg").tensor[:, 190:450, 380:740]
    blurred = conv2d(scene[:, np.newaxis], psf.kernel)[:, 0]
    blurred += np.random.default_rng(0).normal(0, 0.001, blurred.shape)
    frame = np.clip(np.rint(blurred * 255), 0, 255).astype(np.uint8)
    restored = deconvolve(frame, psf, iterations=40)
    gap = np.full((3, frame.shape[1], 6), 255, np.uint8)
    both = np.concatenate([frame, gap, restored], axis=2)
    Image.fromarray(both.transpose(1, 2, 0)).save(HERE / "results" / "deconvolve.jpg", quality=80)


if __name__ == "__main__":
    main()
