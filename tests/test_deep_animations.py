"""APNG of 16 bits: frames are composed and written with all their bits."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
from deep_files import Part, apng
from PIL import Image

from convcli import ImageError, ImageWarning, Picture, read_image, write_image
from convcli.images.picture import Frame

SIZE = (7, 9)
KEEP, CLEAR, RESTORE = range(3)
REPLACE, OVER = range(2)


def drawn(mode: str, size: tuple[int, int], seed: int) -> np.ndarray:
    samples = np.random.default_rng(seed).integers(0, 65536, (*size, len(mode)))
    if mode.endswith("A"):
        samples[:2, :2, -1] = 0
        samples[-1:, :, -1] = 65535
    return samples.astype(np.uint16)


def composed(parts: list[Part], channels: int) -> list[np.ndarray]:
    """Return what is shown, pixel by pixel, in float64."""
    canvas = np.zeros((*SIZE, channels))
    shown = []
    for part in parts:
        before = canvas.copy()
        height, width = part.samples.shape[:2]
        for y, x in np.ndindex(height, width):
            place, new = (y + part.top, x + part.left), part.samples[y, x].astype(float)
            old = canvas[place]
            if part.blend == OVER and channels in (2, 4) and new[-1] < 65535:
                front, back = new[-1] / 65535, old[-1] / 65535
                alpha = front + back * (1 - front)
                colour = new[:-1] * front + old[:-1] * back * (1 - front)
                new = np.array([*(colour / alpha if alpha else 0 * colour), 65535 * alpha])
            canvas[place] = new
        shown.append(canvas.copy())
        area = slice(part.top, part.top + height), slice(part.left, part.left + width)
        if part.dispose == CLEAR:
            canvas[area] = 0
        elif part.dispose == RESTORE:
            canvas = before
    return shown


def parts_of(mode: str, dispose: int, blend: int) -> list[Part]:
    return [
        Part(drawn(mode, SIZE, 1), 0, 0, dispose, blend),
        Part(drawn(mode, (3, 4), 2), 5, 2, dispose, blend),
        Part(drawn(mode, (5, 2), 3), 1, 2, dispose, blend),
        Part(drawn(mode, (1, 1), 4), 8, 6, dispose, blend),
    ]


@pytest.mark.parametrize("mode", ["LA", "RGB", "RGBA"])
@pytest.mark.parametrize("dispose", [KEEP, CLEAR, RESTORE])
@pytest.mark.parametrize("blend", [REPLACE, OVER])
@pytest.mark.parametrize("has_poster", [False, True])
def test_frames_are_composed_with_all_their_bits(
    tmp_path: Path, mode: str, dispose: int, blend: int, has_poster: bool
) -> None:
    parts = parts_of(mode, dispose, blend)
    poster = drawn(mode, SIZE, 9) if has_poster else None
    path = tmp_path / "in.png"
    path.write_bytes(apng(SIZE, parts, poster))
    expected = composed(parts, len(mode))
    for source in (path, path.read_bytes()):
        picture = read_image(source)
        frames = list(picture.frames)
        if poster is not None:
            np.testing.assert_array_equal(frames.pop(0).samples, poster)
        assert len(frames) == 4
        for frame, exact in zip(frames, expected, strict=True):
            assert (frame.mode, frame.raster.dtype) == (mode, np.uint16)
            np.testing.assert_allclose(frame.samples, exact, rtol=0, atol=0.51)
    durations = [float(one) for one in picture.metadata["durations"]][has_poster:]
    assert durations == [100, 200, 300, 400]
    assert picture.metadata["plays"] == 3


@pytest.mark.parametrize("mode", ["L", "LA", "RGB", "RGBA"])
@pytest.mark.parametrize("has_poster", [False, True])
def test_the_identity_keeps_bits_timing_and_plays(
    run, tmp_path: Path, mode: str, has_poster: bool
) -> None:
    parts = [Part(drawn(mode, SIZE, seed)) for seed in range(3)]
    parts.append(parts[-1])  # a frame that equals the one before stays a frame
    poster = drawn(mode, SIZE, 9) if has_poster else None
    (tmp_path / "in.png").write_bytes(apng(SIZE, parts, poster))
    mine = tmp_path / "mine.json"
    mine.write_text('{"weight": [[1]], "preserve_alpha": true}')
    for flags in (["--dry-run"], []):
        done = run("apply", "-f", mine, tmp_path / "in.png", "-o", tmp_path / "out.png", *flags)
        assert (done.exit_code, done.stderr) == (0, "")
    before, after = (read_image(tmp_path / name) for name in ("in.png", "out.png"))
    assert len(after.frames) == 4 + has_poster
    for one, other in zip(before.frames, after.frames, strict=True):
        assert other.raster.dtype == np.uint16
        np.testing.assert_array_equal(other.samples, one.samples)
    for key in ("durations", "plays", "has_poster"):
        assert after.metadata.get(key) == before.metadata.get(key)
    with Image.open(tmp_path / "out.png") as image:  # others read it too
        assert image.n_frames == 4 + has_poster
        for number, frame in enumerate(after.frames):
            image.seek(number)
            if mode in ("RGB", "RGBA"):
                np.testing.assert_array_equal(np.asarray(image), frame.samples >> 8)


def test_frames_of_two_depths_become_8_bits(tmp_path: Path) -> None:
    wide = drawn("RGB", SIZE, 1)
    frames = Frame.of(wide, "RGB"), Frame.of((wide >> 8).astype(np.uint8), "RGB")
    with pytest.warns(ImageWarning, match="16 bits become 8: all frames of an animation"):
        write_image(Picture(frames), tmp_path / "out.png")
    assert {frame.raster.dtype for frame in read_image(tmp_path / "out.png").frames} == {
        np.dtype(np.uint8)
    }


def test_a_broken_animation_is_refused() -> None:
    data = apng(SIZE, parts_of("RGBA", RESTORE, OVER))
    for length in range(40, len(data) - 12, 23):
        with pytest.raises(ImageError):
            read_image(data[:length])
    beyond = [*parts_of("RGB", KEEP, REPLACE), Part(drawn("RGB", (3, 4), 2), 6, 2)]
    with pytest.raises(ImageError):
        read_image(apng(SIZE, beyond))
    changed = bytearray(data)
    changed[data.rindex(b"fdAT") + 12] ^= 1
    with pytest.raises(ImageError):
        read_image(bytes(changed))


def test_an_animation_is_filtered_frame_by_frame(run, tmp_path: Path) -> None:
    parts = [Part(drawn("RGB", SIZE, seed)) for seed in range(3)]
    (tmp_path / "in.png").write_bytes(apng(SIZE, parts))
    mine = tmp_path / "mine.json"
    mine.write_text('{"weight": [[1, 1]], "divisor": 2, "pad": "valid"}')
    run("apply", "-f", mine, tmp_path / "in.png", "-o", tmp_path / "out.png")
    for part, frame in zip(parts, read_image(tmp_path / "out.png").frames, strict=True):
        exact = (part.samples[:, 1:].astype(float) + part.samples[:, :-1]) / 2
        assert np.abs(frame.samples - exact).max() <= 0.51


def test_an_animation_goes_through_memory() -> None:
    picture = read_image(apng(SIZE, [Part(drawn("RGB", SIZE, seed)) for seed in range(3)]))
    file = io.BytesIO()
    write_image(picture, file, format="png", save={"compress_level": 1})
    again = read_image(file.getvalue())
    for one, other in zip(picture.frames, again.frames, strict=True):
        np.testing.assert_array_equal(one.samples, other.samples)
