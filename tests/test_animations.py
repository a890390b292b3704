"""Several frames in a file: each looks as it did, for as long as it did."""

from __future__ import annotations

import io
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image, ImageDraw

from convcli import ImageError, ImageWarning, read_image, write_image

Told = tuple[list[np.ndarray], list[float], object]


def frame(number: int, background: object = (20, 30, 40, 255), opacity: int = 255) -> Image.Image:
    """Return a frame in which a disc has moved; of few colours, without soft edges."""
    image = Image.new("RGBA", (24, 16), background)
    ImageDraw.Draw(image).ellipse((number * 3, 2, number * 3 + 8, 10), (200, 60, 0, opacity))
    return image


def animation(suffix: str, frames: list[Image.Image], **options: Any) -> bytes:
    buffer = io.BytesIO()
    name = {".tif": "TIFF", ".gif": "GIF", ".png": "PNG", ".webp": "WEBP"}[suffix]
    save = {"lossless": True} if suffix == ".webp" else {}
    frames[0].save(
        buffer, name, save_all=True, append_images=frames[1:], **{"duration": 80, **save, **options}
    )
    return buffer.getvalue()


def shown(source: bytes | Path) -> Told:
    """Return every frame as displayed, the durations, and the loop count of the format."""
    with Image.open(io.BytesIO(source) if isinstance(source, bytes) else source) as image:
        pictures, durations = [], []
        for number in range(getattr(image, "n_frames", 1)):
            image.seek(number)
            samples = np.asarray(image.convert("RGBA")).astype(int)
            pictures.append(samples * (samples[..., 3:] > 0))  # what is hidden has no colour
            durations.append(image.info.get("duration", 0))
        return pictures, durations, image.info.get("loop")


def same(one: Told, other: Told) -> None:
    assert one[1:] == other[1:]
    for before, after in zip(one[0], other[0], strict=True):
        np.testing.assert_array_equal(after, before)


@pytest.mark.parametrize("suffix", [".gif", ".png", ".webp", ".tif"])
@pytest.mark.parametrize("background", [(20, 30, 40, 255), (0, 0, 0, 0)], ids=["opaque", "clear"])
@pytest.mark.parametrize("disposal", [0, 1, 2])
def test_every_frame_comes_back(
    tmp_path: Path, suffix: str, background: object, disposal: int
) -> None:
    options = {".gif": {"disposal": disposal}, ".png": {"disposal": disposal}}.get(suffix, {})
    frames = [frame(number, background) for number in (0, 1, 3, 2, 5)]
    source = animation(suffix, frames, duration=[40, 50, 60, 70, 80], loop=0, **options)
    target = tmp_path / f"out{suffix}"
    write_image(read_image(source), target)
    same(shown(source), shown(target))
    assert len(shown(target)[0]) == 5


@pytest.mark.parametrize("suffix", [".gif", ".png"])
def test_equal_frames_are_not_merged(tmp_path: Path, suffix: str) -> None:
    frames = [frame(number) for number in (0, 0, 1, 1, 1, 1, 0)]
    pages = animation(".tif", frames)
    target = tmp_path / f"out{suffix}"
    read = read_image(pages)
    read.metadata["durations"] = [30, 40, 50, 60, 70, 80, 90]
    write_image(read, target)
    pictures, durations, _ = shown(target)
    assert durations == [30, 40, 50, 60, 70, 80, 90]
    for image, picture in zip(frames, pictures, strict=True):
        np.testing.assert_array_equal(picture, np.asarray(image))


@pytest.mark.parametrize("background", [(20, 30, 40, 255), (0, 0, 0, 0)], ids=["opaque", "clear"])
@pytest.mark.parametrize("is_lossless", [True, False])
def test_equal_frames_of_a_webp_are_not_merged(
    tmp_path: Path, background: object, is_lossless: bool
) -> None:
    frames = [frame(number, background) for number in (0, 0, 1, 1, 1, 3, 0, 5, 5)]
    target = tmp_path / "out.webp"
    read = read_image(animation(".tif", frames))
    read.metadata["durations"] = [30, 40, 50, 60, 70, 80, 90, 20, 10.4]
    write_image(read, target, save={"lossless": is_lossless})
    pictures, durations, _ = shown(target)
    assert durations == [30, 40, 50, 60, 70, 80, 90, 20, 10]
    for image, picture in zip(frames, pictures, strict=True):
        expected = np.asarray(image).astype(int)
        expected *= expected[..., 3:] > 0
        assert np.abs(picture - expected).mean() <= (0 if is_lossless else 8)


@pytest.mark.parametrize(
    ("loop", "plays"), [(None, 1), (0, 0), (1, 2), (3, 4)], ids=["absent", "endless", "1", "3"]
)
def test_the_loop_count_is_the_same_in_every_format(
    tmp_path: Path, loop: int | None, plays: int
) -> None:
    source = animation(".gif", [frame(0), frame(1)], **({} if loop is None else {"loop": loop}))
    for suffix in (".gif", ".png", ".webp"):
        target = tmp_path / f"out{suffix}"
        write_image(read_image(source), target)
        # GIF counts repetitions, the others plays.
        assert shown(target)[2] == (loop if suffix == ".gif" else plays)
        write_image(read_image(target), tmp_path / f"back{suffix}.gif")
        assert shown(tmp_path / f"back{suffix}.gif")[2] == loop


def test_the_total_duration_of_a_gif_is_kept(tmp_path: Path) -> None:
    source = animation(".png", [frame(number) for number in range(6)], duration=1000 / 30)
    write_image(read_image(source), tmp_path / "out.gif")
    durations = shown(tmp_path / "out.gif")[1]
    assert set(durations) == {30, 40}
    assert sum(durations) == 200


def test_the_default_image_of_an_apng_is_not_a_frame(tmp_path: Path) -> None:
    frames = [Image.new("RGBA", (24, 16), "red"), frame(0), frame(1), frame(2)]
    source = animation(".png", frames, duration=[40, 50, 60], default_image=True)
    write_image(read_image(source), tmp_path / "out.png")
    same(shown(source), shown(tmp_path / "out.png"))
    with Image.open(tmp_path / "out.png") as image:
        assert image.default_image
    with pytest.warns(ImageWarning, match="still picture before the animation"):
        write_image(read_image(source), tmp_path / "out.gif")
    pictures, durations, _ = shown(tmp_path / "out.gif")
    assert durations == [40, 50, 60]
    np.testing.assert_array_equal(pictures[0], np.asarray(frames[1]))
    write_image(read_image(source, frames="first"), tmp_path / "first.png")
    np.testing.assert_array_equal(shown(tmp_path / "first.png")[0][0], np.asarray(frames[0]))


@pytest.mark.parametrize("suffix", [".png", ".webp", ".avif", ".gif", ".tif"])
@pytest.mark.parametrize("source", [".png", ".webp", ".gif"])
def test_the_first_frame_alone_is_a_still_image(tmp_path: Path, source: str, suffix: str) -> None:
    data = animation(source, [frame(0), frame(1), frame(2)])
    write_image(read_image(data, frames="first"), tmp_path / f"out{suffix}")
    pictures, _, _ = shown(tmp_path / f"out{suffix}")
    assert len(pictures) == 1
    assert np.abs(pictures[0] - np.asarray(frame(0))).mean() < 6


@pytest.mark.parametrize("is_lossless", [True, False])
@pytest.mark.parametrize("count", [1, 3])
def test_a_lossless_webp_stays_lossless(tmp_path: Path, is_lossless: bool, count: int) -> None:
    rng = np.random.default_rng(0)
    frames = [Image.fromarray(rng.integers(0, 256, (16, 24, 3), np.uint8)) for _ in range(count)]
    source = animation(".webp", frames, lossless=is_lossless, icc_profile=b"x" * 40)
    read = read_image(source)
    assert read.metadata.get("lossless", False) == is_lossless
    write_image(read, tmp_path / "out.webp")
    are_same = [
        np.array_equal(before, after)
        for before, after in zip(shown(source)[0], shown(tmp_path / "out.webp")[0], strict=True)
    ]
    assert all(are_same) == is_lossless
    write_image(read, tmp_path / "small.webp", quality=20)
    assert (tmp_path / "small.webp").stat().st_size < len(source)


def test_partial_transparency_in_a_gif_is_warned_of(tmp_path: Path) -> None:
    source = animation(".png", [frame(0, (0, 0, 0, 0), 100), frame(1, (0, 0, 0, 0), 200)])
    with pytest.warns(ImageWarning, match="partly transparent"):
        write_image(read_image(source), tmp_path / "out.gif")
    first, second = shown(tmp_path / "out.gif")[0]
    assert first[..., 3].max() == 0
    np.testing.assert_array_equal(second[5, 8], (200, 60, 0, 255))


def test_a_gif_of_many_palettes_comes_back_exactly(tmp_path: Path) -> None:
    """Frames that each bring 200 colours leave more than 256 on the screen."""
    rng = np.random.default_rng(0)
    samples = np.zeros((40, 40, 3), np.uint8)
    frames = []
    for number in range(6):
        palette = rng.integers(0, 256, (200, 3), np.uint8)
        part = palette[rng.integers(0, 200, (40, 20))]
        samples[:, number % 3 * 10 :][:, :20] = part[:, : min(20, 40 - number % 3 * 10)]
        frames.append(Image.fromarray(samples))
    source = animation(".png", frames)
    write_image(read_image(source), tmp_path / "out.gif")
    for before, after in zip(shown(source)[0][1:], shown(tmp_path / "out.gif")[0][1:], strict=True):
        np.testing.assert_array_equal(after, before)


def test_an_opaque_frame_between_transparent_ones_is_disposed_of(tmp_path: Path) -> None:
    clear = (0, 0, 0, 0)
    opaque = Image.new("RGBA", (24, 16), (0, 90, 0, 255))
    source = animation(".png", [frame(0, clear), opaque, frame(1, clear), frame(2, clear)])
    write_image(read_image(source), tmp_path / "out.gif")
    same((*shown(source)[:2], 0), (*shown(tmp_path / "out.gif")[:2], 0))


def test_frames_of_different_modes_get_one_mode_where_the_format_has_one(tmp_path: Path) -> None:
    grey = Image.fromarray(np.arange(384, dtype=np.uint8).reshape(16, 24))
    deep = Image.fromarray(np.arange(384, dtype=np.uint16).reshape(16, 24) * 170)
    veiled = Image.merge("LA", (grey, grey))
    for others in ([veiled], [frame(1)], [deep], [deep, frame(1)]):
        pages = animation(".tif", [grey, *others])
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ImageWarning)
            write_image(read_image(pages), tmp_path / "out.png", overwrite=True)
        pictures = shown(tmp_path / "out.png")[0]
        np.testing.assert_array_equal(pictures[0][..., 0], np.asarray(grey))
        if others == [deep]:
            expected = np.rint(np.asarray(deep) / 257)
            np.testing.assert_array_equal(pictures[1][..., 0], expected)
    write_image(read_image(animation(".tif", [deep, deep])), tmp_path / "two.png")
    for page in read_image(tmp_path / "two.png").frames:
        np.testing.assert_array_equal(page.samples[..., 0], np.asarray(deep))


@pytest.mark.parametrize("suffix", [".png", ".gif", ".webp"])
def test_pages_of_different_sizes_are_no_animation(tmp_path: Path, suffix: str) -> None:
    pages = animation(".tif", [frame(0), frame(1).resize((10, 10))])
    with pytest.raises(ImageError, match="one size, and these have 2: write tif"):
        write_image(read_image(pages), tmp_path / f"out{suffix}")


@pytest.mark.parametrize("other", ["L", "size"])
def test_pages_that_differ_do_not_go_into_one_array(tmp_path: Path, other: str) -> None:
    second = frame(1).resize((10, 10)) if other == "size" else frame(1).convert("L")
    with pytest.raises(ImageError, match="different sizes or channel counts"):
        write_image(read_image(animation(".tif", [frame(0), second])), tmp_path / "out.npy")


def test_pages_become_pages_of_a_pdf(tmp_path: Path) -> None:
    pages = animation(".tif", [frame(0), frame(1).resize((10, 10))])
    write_image(read_image(pages), tmp_path / "out.pdf")
    assert (tmp_path / "out.pdf").read_bytes().count(b"/Type /Page\n") == 2


def test_every_page_of_a_tiff_is_turned_by_its_own_orientation(tmp_path: Path) -> None:
    pages = [frame(0).convert("RGB"), frame(1).convert("RGB")]
    buffer = io.BytesIO()
    # Pillow gives every page the tags of the first: write them one by one.
    from PIL.TiffImagePlugin import AppendingTiffWriter

    with AppendingTiffWriter(buffer, True) as writer:
        for page, orientation in zip(pages, (1, 6), strict=True):
            page.save(writer, "TIFF", tiffinfo={274: orientation})
            writer.newFrame()
    sizes = [one.size for one in read_image(buffer.getvalue()).frames]
    assert sizes == [(16, 24), (24, 16)]


@pytest.mark.parametrize("colours", [2, 255, 256])
@pytest.mark.parametrize("is_clear", [False, True])
def test_a_gif_of_few_colours_is_exact(tmp_path: Path, colours: int, is_clear: bool) -> None:
    rng = np.random.default_rng(colours)
    # Neighbours that a coarse search for the nearest colour would confuse.
    palette = 100 + np.stack(np.unravel_index(np.arange(colours), (7, 7, 7)), -1).astype(np.uint8)
    samples = palette[rng.integers(0, colours, (40, 50))]
    samples.reshape(-1, 3)[:colours] = palette
    alpha = np.full((40, 50, 1), 255, np.uint8)
    if is_clear and colours < 256:
        alpha[:, 30:] = 0
    source = io.BytesIO()
    Image.fromarray(np.concatenate([samples, alpha], -1)).save(source, "PNG")
    write_image(read_image(source.getvalue()), tmp_path / "out.gif")
    same(shown(source.getvalue()), shown(tmp_path / "out.gif"))


def test_more_colours_than_a_gif_holds_are_quantized(tmp_path: Path, samples: Path) -> None:
    with pytest.warns(ImageWarning, match="colours become 256 at most"):
        write_image(read_image(samples / "landscape.jpg"), tmp_path / "out.gif")
    with Image.open(samples / "landscape.jpg") as before, Image.open(tmp_path / "out.gif") as after:
        difference = np.asarray(before).astype(float) - np.asarray(after.convert("RGB"))
    assert np.sqrt(np.square(difference).mean()) < 5
    # Dots average out: no part of the picture changes its colour.
    blocks = difference.reshape(64, 8, 96, 8, 3).mean((1, 3))
    assert np.abs(blocks).mean() < 0.6


def test_encoder_options_reach_the_gif_encoder(tmp_path: Path) -> None:
    source = animation(".gif", [frame(0), frame(1), frame(2)], loop=5)
    write_image(read_image(source), tmp_path / "out.gif", save={"duration": 500})
    pictures, durations, loop = shown(tmp_path / "out.gif")
    assert (len(pictures), durations, loop) == (3, [500, 500, 500], 5)


def test_writing_an_animation_as_pages_warns_of_lost_timing(
    run, samples: Path, tmp_path: Path
) -> None:
    target = tmp_path / "pages.tif"
    result = run("apply", "-f", "identity", samples / "pulse.gif", "-o", target)
    assert result.exit_code == 0
    assert result.stderr.count("TIFF holds no timing: frames become pages") == 1
    again = run("apply", "-f", "identity", target, "-o", tmp_path / "again.tif")
    assert (again.exit_code, again.stderr) == (0, "")


def test_one_picture_is_written_in_several_formats_one_after_the_other(tmp_path: Path) -> None:
    """Pillow leaves the options of one encoder at frames after the first, for the next to trip."""
    picture = read_image(animation(".png", [frame(number) for number in range(3)]))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ImageWarning)
        for suffix in (".pdf", ".tif"):
            write_image(picture, tmp_path / f"out{suffix}")
    assert len(read_image(tmp_path / "out.tif").frames) == 3
