"""OpenEXR, by the extra ``deep``."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest

from convcli import ImageError, ImageWarning, Picture, read_image, write_image
from convcli.images import readable_extensions
from convcli.images.picture import Frame

OpenEXR = pytest.importorskip("OpenEXR")

SIZE = (6, 9)


def plane(seed: int, kind: type = np.float32) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal(SIZE).astype(kind)


def exr(path: Path, channels: dict[str, np.ndarray], **header: object) -> Path:
    header = {"compression": OpenEXR.ZIP_COMPRESSION, "type": OpenEXR.scanlineimage, **header}
    OpenEXR.File(header, dict(channels)).write(str(path))
    return path


def channels_of(path: Path) -> dict[str, np.ndarray]:
    channels = OpenEXR.File(str(path), separate_channels=True).parts[0].channels
    return {name: channel.pixels for name, channel in channels.items()}


@pytest.mark.parametrize("kind", [np.float16, np.float32])
@pytest.mark.parametrize("prefix", ["", "light.key."])
def test_colours_come_back_with_names_and_type(
    run, tmp_path: Path, kind: type, prefix: str
) -> None:
    planes = {prefix + name: plane(number, kind) for number, name in enumerate("RGB")}
    planes[f"{prefix}R"][0, :2] = np.nan, np.inf
    source = exr(tmp_path / "in.exr", planes, comments="a note")
    done = run("apply", "-f", "identity", source, "-o", tmp_path / "out.exr")
    assert (done.exit_code, done.stderr) == (0, "")
    found = channels_of(tmp_path / "out.exr")
    assert found.keys() == planes.keys()
    for name, values in planes.items():
        assert found[name].dtype == kind
        np.testing.assert_array_equal(found[name], values)
    header = OpenEXR.File(str(tmp_path / "out.exr"), header_only=True).parts[0].header
    assert header["comments"] == "a note"


def test_premultiplied_colours_are_divided_and_multiplied_again(tmp_path: Path) -> None:
    planes = {name: np.full(SIZE, 0.25, np.float32) for name in "RGB"}
    planes["A"] = np.full(SIZE, 0.5, np.float32)
    planes["A"][0], planes["A"][1] = 0, 1
    picture = read_image(exr(tmp_path / "in.exr", planes))
    (frame,) = picture.frames
    assert frame.mode == "RGBA"
    assert frame.samples[:3, 0].tolist() == [
        [0.25, 0.25, 0.25, 0],
        [0.25, 0.25, 0.25, 1],
        [0.5, 0.5, 0.5, 0.5],
    ]
    write_image(picture, tmp_path / "out.exr")
    for name, values in channels_of(tmp_path / "out.exr").items():
        np.testing.assert_array_equal(values, planes[name])


def test_values_too_large_for_half_are_written_as_float(run, tmp_path: Path) -> None:
    source = exr(tmp_path / "in.exr", {"Y": np.full(SIZE, 40_000, np.float16)})
    mine = tmp_path / "mine.json"
    mine.write_text('{"weight": [[2]]}')
    run("apply", "-f", mine, source, "-o", tmp_path / "out.exr")
    (values,) = channels_of(tmp_path / "out.exr").values()
    assert (values.dtype, values[0, 0]) == (np.float32, 80_000)


def test_integers_are_written_on_the_0_1_scale(run, photo: Path, pixels, tmp_path: Path) -> None:
    done = run("apply", "-f", "identity", photo, "-o", tmp_path / "out.exr")
    assert (done.exit_code, done.stderr) == (0, "")
    found = channels_of(tmp_path / "out.exr")
    np.testing.assert_array_equal(found["G"], (pixels[..., 1] / np.float32(255)))


def test_options_are_checked(tmp_path: Path) -> None:
    picture = Picture((Frame.of(np.zeros((*SIZE, 3), np.float32), "RGB"),))
    write_image(picture, tmp_path / "out.exr", save={"pixel_type": "half", "compression": "piz"})
    assert channels_of(tmp_path / "out.exr")["R"].dtype == np.float16
    for save, text in (
        ({"pixel_type": "uint"}, "no pixel_type 'uint'"),
        ({"compression": "best"}, "no compression 'best'"),
        ({"quality": 3}, "EXR has no save option 'quality'"),
    ):
        with pytest.raises(ImageError, match=text):
            write_image(picture, tmp_path / "no.exr", save=save)
    assert not (tmp_path / "no.exr").exists()


def test_other_channels_are_left_out_with_a_warning(tmp_path: Path) -> None:
    planes = {name: plane(3) for name in ("R", "G", "B", "Z", "normal.X")}
    with pytest.warns(ImageWarning, match=r"left out: Z, normal\.X"):
        assert read_image(exr(tmp_path / "in.exr", planes)).frames[0].mode == "RGB"


def test_several_layers_are_refused_with_their_list(run, tmp_path: Path) -> None:
    planes = {f"{layer}.{name}": plane(3) for layer in ("left", "right") for name in "RGB"}
    source = exr(tmp_path / "in.exr", planes)
    for flags in ([], ["--dry-run"]):
        done = run("apply", "-f", "identity", source, "-o", tmp_path / "out.exr", *flags)
        assert done.exit_code == 1
        assert "left.B, left.G, left.R, right.B" in done.stderr


def test_several_parts_and_integers_are_refused(tmp_path: Path) -> None:
    parts = [OpenEXR.Part({}, {"Y": plane(number)}, f"part{number}") for number in range(2)]
    OpenEXR.File(parts).write(str(tmp_path / "parts.exr"))
    with pytest.raises(ImageError, match="several parts is not read: it has part0, part1"):
        read_image(tmp_path / "parts.exr")
    with pytest.raises(ImageError, match="of integers"):
        read_image(exr(tmp_path / "in.exr", {"Y": np.zeros(SIZE, np.uint32)}))


def test_a_broken_file_is_refused(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    data = exr(tmp_path / "in.exr", {name: plane(3) for name in "RGB"}).read_bytes()
    for length in (6, 100, 330, len(data) - 20):
        with pytest.raises(ImageError, match="broken"):
            read_image(data[:length])
    assert capfd.readouterr().out == ""


def test_a_stream_is_read_and_written(tmp_path: Path) -> None:
    data = exr(tmp_path / "in.exr", {name: plane(3) for name in "RGB"}).read_bytes()
    file = io.BytesIO()
    write_image(read_image(data), file, format="exr")
    np.testing.assert_array_equal(read_image(file.getvalue()).tensor[0], plane(3))


def test_folders_are_searched_for_it() -> None:
    assert ".exr" in readable_extensions()


@pytest.mark.parametrize("flags", [[], ["--dry-run"]])
def test_deep_data_are_refused(run, tmp_path: Path, flags: list[str]) -> None:
    samples = np.empty(SIZE, object)
    for place in np.ndindex(SIZE):
        samples[place] = np.array([1, 2], np.float32)
    source = exr(
        tmp_path / "in.exr",
        {"Z": samples, "A": samples.copy()},
        type=OpenEXR.deepscanline,
        compression=OpenEXR.ZIPS_COMPRESSION,
    )
    done = run("apply", "-f", "identity", source, "-o", tmp_path / "out.exr", *flags)
    assert done.exit_code == 1
    assert "an OpenEXR file of deep data is not read: flatten it first" in done.stderr
    assert not (tmp_path / "out.exr").exists()


def test_a_display_window_of_its_own_is_warned_of(run, tmp_path: Path) -> None:
    display = (np.array([0, 0], np.int32), np.array([19, 19], np.int32))
    source = exr(tmp_path / "in.exr", {"Y": plane(3)}, displayWindow=display)
    for flags in (["--dry-run"], []):
        done = run("apply", "-f", "identity", source, "-o", tmp_path / "out.exr", *flags)
        assert done.exit_code == 0
        assert "the data window of the OpenEXR file: its display window is lost" in done.stderr
    header = OpenEXR.File(str(tmp_path / "out.exr"), header_only=True).parts[0].header
    for one, other in zip(header["displayWindow"], header["dataWindow"], strict=True):
        np.testing.assert_array_equal(one, other)
    np.testing.assert_array_equal(channels_of(tmp_path / "out.exr")["Y"], plane(3))
