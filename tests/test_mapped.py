"""Files that Pillow maps into memory, read-only: threads do not write to them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from convcli import apply_filters, load_filter, read_image
from convcli.images.picture import Frame, Picture
from convcli.images.raster import ArrayRaster, PillowRaster
from convcli.pipeline.operators import Convolution
from convcli.pipeline.process import Processing, process
from convcli.pipeline.strips import StripSizes

# Every mode that Pillow maps, in every format that it maps and writes; IM, the only other one, is
# deprecated in Pillow 13.0.
MAPPED = {
    "L": ("pgm", "bmp", "dib", "tga", "tif", "sgi"),
    "P": ("bmp", "dib", "tga", "tif"),
    "I;16": ("tif",),
    "RGBA": ("tif",),
    "CMYK": ("tif",),
}
CASES = [(mode, extension) for mode, extensions in MAPPED.items() for extension in extensions]
RUNS = 200
SIZE = 1000, 600  # rows, and samples of a row: enough for threads, in six strips


def saved(folder: Path, mode: str, extension: str, size: tuple[int, int]) -> Path:
    """Save noise, and check that Pillow maps the file."""
    channels = len(Image.new(mode, (1, 1)).getbands())
    height, width = size[0], size[1] // channels
    item = 2 if mode == "I;16" else channels
    data = np.random.default_rng(1).bytes(height * width * item)
    image = Image.frombytes(mode, (width, height), data)
    if mode == "P":
        image.putpalette([value * 7 % 256 for value in range(768)])
    path = folder / f"noise.{extension}"
    image.save(path)
    with Image.open(path) as opened:
        opened.load()
        assert opened.readonly
        assert opened.mode == mode
    return path


@pytest.mark.parametrize(("mode", "extension"), CASES)
def test_threads_filter_a_mapped_file_as_one_does(
    mode: str, extension: str, tmp_path: Path
) -> None:
    path, sharpen = saved(tmp_path, mode, extension, SIZE), [Convolution(load_filter("sharpen"))]
    alone = Processing(strips=StripSizes(threads=1))
    expected = process(read_image(path), sharpen, alone).frames[0].samples
    shared = Processing(reuse=True, strips=StripSizes(threads=4))
    for _ in range(max(4, RUNS // len(CASES))):
        picture = process(read_image(path), sharpen, shared)
        np.testing.assert_array_equal(picture.frames[0].samples, expected)


@pytest.mark.parametrize("mode", ["L", "RGBA", "CMYK"])
def test_a_mapped_image_is_never_the_target(mode: str, tmp_path: Path) -> None:
    picture = read_image(saved(tmp_path, mode, "tif", (9, 12)))
    raster = picture.frames[0].raster
    assert isinstance(raster, PillowRaster)
    memory = raster.image.im
    result = apply_filters(picture, [load_filter("sharpen")], reuse=True)
    assert result.frames[0].raster is not raster
    assert raster.image.im is memory
    with pytest.raises(ValueError, match="read-only"):
        raster.write(0, raster.read(0, 1))


@pytest.mark.parametrize("mode", ["L", "RGBA", "CMYK"])
def test_an_image_in_memory_is_the_target(mode: str) -> None:
    raster = PillowRaster(Image.new(mode, (12, 9)))
    picture = Picture((Frame(raster, mode),))
    result = apply_filters(picture, [load_filter("sharpen")], reuse=True)
    assert result.frames[0].raster is raster


def test_an_array_that_is_read_only_is_never_the_target() -> None:
    samples = np.zeros((9, 12, 1), np.uint8)
    samples.flags.writeable = False
    picture = Picture((Frame(ArrayRaster(samples), "L"),))
    result = apply_filters(picture, [load_filter("sharpen")], reuse=True)
    assert result.frames[0].raster is not picture.frames[0].raster
