"""16-bit colour in files that other tools wrote; ``tests/data/deep/make.sh`` has the commands."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest
from deep_files import png16
from PIL import features

from convcli import ImageWarning, read_image
from convcli.images import read_header

FOLDER = Path(__file__).parent / "data" / "deep"


def drawn() -> np.ndarray:
    """Return what the files show: uint16 (H, W, 3), with areas of one colour and without."""
    y, x, channel = np.ogrid[:20, :37, :3]
    samples = ((1771 * x + 977 * y + 21_000 * channel) ** 2 % 65536).astype(np.uint16)
    samples[4:9, 5:20] = 51_234
    return samples


@pytest.mark.parametrize(
    "name",
    ["interlaced.png", "lzw.tif", "lzw-big-endian.tif", "tiles.tif", "zip-big-endian.tif"],
)
@pytest.mark.parametrize("is_path", [True, False])
def test_every_bit_is_read(name: str, is_path: bool) -> None:
    source = FOLDER / name
    (frame,) = read_image(source if is_path else source.read_bytes()).frames
    assert frame.mode == "RGB"
    np.testing.assert_array_equal(frame.samples, drawn())


@pytest.mark.parametrize(
    ("name", "feature", "bits"), [("lossless.jp2", "jpg_2000", 16), ("ten-bits.avif", "avif", 10)]
)
def test_bits_that_pillow_cannot_give_are_warned_of(name: str, feature: str, bits: int) -> None:
    if not features.check(feature):
        pytest.skip(f"Pillow was built without {feature}")
    for read in (read_header, read_image):
        with pytest.warns(ImageWarning, match=f"{bits} bits a channel, of which Pillow reads 8"):
            read(FOLDER / name)
    with pytest.warns(ImageWarning):
        (frame,) = read_image(FOLDER / name).frames
    off = frame.samples.astype(int) - (drawn() >> 8)
    assert np.abs(off).mean() < (1 if feature == "jpg_2000" else 30)


if __name__ == "__main__":  # for make.sh
    Path(sys.argv[1]).write_bytes(png16(drawn()))
