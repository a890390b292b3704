"""Filters are found again from pairs of pictures, and what determines none is refused."""

from __future__ import annotations

import doctest
import json
import tracemalloc
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageFilter

from convcli import (
    Filter,
    FilterError,
    ImageError,
    Picture,
    ShapeError,
    apply_filters,
    fit_filter,
    load_filter,
    make_filter,
    read_image,
    upsample,
    write_image,
)
from convcli.fitting import pictures, result
from convcli.fitting.pictures import residual_picture

SAMPLES = Path(__file__).parent.parent / "sample_images"
EDGES = Filter([[-1, -1, -1], [-1, 8, -1], [-1, -1, -1]], pad_mode="replicate")


def scene(frames: str = "RGB", width: int = 320) -> Picture:
    """Return a part of the landscape with sky, rocks and water."""
    with Image.open(SAMPLES / "landscape.jpg") as image:
        part = image.convert(frames).crop((200, 150, 200 + width, 150 + 256))
    samples = np.asarray(part).reshape(256, width, -1)
    return Picture.from_array(samples.transpose(2, 0, 1).copy())


def linear(name: str) -> Filter:
    """Return a bundled filter without its treatment of negative results."""
    return load_filter(name).override(range="clip")


@pytest.mark.parametrize(
    "chosen",
    [
        *map(linear, ("sharpen", "emboss", "box-blur", "gaussian-blur", "sobel-x", "motion-blur")),
        *map(linear, ("high-pass", "unsharp-mask", "identity")),
    ],
    ids=lambda chosen: chosen.name,
)
def test_bundled_filters_come_out_exactly_and_by_name(chosen: Filter) -> None:
    before = scene()
    fit = fit_filter(before, apply_filters(before, [chosen]))
    assert fit.name == chosen.name
    assert fit.is_snapped
    kernel = chosen.kernel
    if chosen.name == "identity":
        kernel = kernel[..., 1:2, 1:2]
    np.testing.assert_allclose(fit.filter.kernel, kernel, atol=1e-12)
    np.testing.assert_allclose(fit.filter.offsets, chosen.offsets, atol=1e-12)
    assert fit.filter.pad_mode == "replicate" or chosen.name == "identity"


@pytest.mark.parametrize(
    ("kind", "parameters"),
    [
        ("box", {"size": 5}),
        ("binomial", {"order": 4}),
        ("disk", {"radius": 2}),
        ("motion", {"length": 5, "angle": 45}),
        ("laplacian", {"neighbours": 8}),
        ("sobel", {"angle": 0}),
        ("prewitt", {"angle": 90}),
        ("gaussian", {"sigma": 0.8}),
    ],
)
def test_filters_of_kinds_are_named_as_they_are_made(kind: str, parameters: dict) -> None:
    before = Picture.from_array(np.random.default_rng(1).integers(0, 256, (1, 90, 110), np.uint8))
    chosen = make_filter(kind, **parameters).override(range="clip", pad_mode="replicate")
    fit = fit_filter(before, apply_filters(before, [chosen]), size=9, linear=False)
    # Some are bundled filters under a shorter name.
    assert (
        fit.name == chosen.name or load_filter(fit.name).kernel.tolist() == chosen.kernel.tolist()
    )
    assert fit.is_snapped


def test_clipped_samples_are_excluded() -> None:
    before = scene()
    after = apply_filters(before, [EDGES])
    fit = fit_filter(before, after)
    assert fit.clipped > 0.3 * fit.samples
    np.testing.assert_array_equal(fit.filter.kernel, EDGES.kernel)
    assert fit.rms == 0


def test_a_large_gaussian_is_found_within_a_hundredth_of_its_peak() -> None:
    before = read_image(SAMPLES / "landscape.jpg")
    chosen = load_filter("gaussian-blur-large")
    fit = fit_filter(before, apply_filters(before, [chosen]), size=13)
    assert fit.name == "gaussian-blur-large"
    assert np.abs(fit.filter.kernel - chosen.kernel).max() < 0.01 * chosen.kernel.max()


def test_any_kernel_is_found_within_a_thousandth_and_its_uncertainty_is_about_the_error() -> None:
    before = read_image(SAMPLES / "landscape.jpg")
    weight = np.random.default_rng(3).normal(size=(5, 5))
    chosen = Filter(weight / np.abs(weight).sum(), bias=0.45)
    after = apply_filters(before, [chosen])
    fit = fit_filter(before, after, size=5)
    peak = np.abs(chosen.kernel).max()
    assert np.abs(fit.filter.kernel - chosen.kernel).max() < 1e-3 * peak
    plain = fit_filter(before, after, size=5, snap=False)
    deviations = np.abs(plain.filter.weight - chosen.weight) / plain.uncertainty
    assert 0.2 < np.median(deviations) < 1.5
    assert deviations.max() < 6


def test_kernels_across_channels_with_a_bias_for_each() -> None:
    before = scene()
    rng = np.random.default_rng(8)
    whole = rng.integers(-4, 5, (3, 3, 3, 3))
    chosen = Filter(whole, divisor=64, bias=(0.5, 0.4, 0.6))
    fit = fit_filter(before, apply_filters(before, [chosen]), channels="mixed", size=3)
    np.testing.assert_allclose(fit.filter.kernel, chosen.kernel, atol=1e-12)
    np.testing.assert_allclose(fit.filter.offsets, chosen.offsets, atol=1e-3)


def test_colour_to_grey_is_a_filter_across_channels() -> None:
    before = scene()
    after = apply_filters(before, [load_filter("grayscale")])
    fit = fit_filter(before, after)
    assert (fit.name, fit.size, fit.channels) == ("grayscale", (1, 1), "mixed")


def test_each_channel_can_have_a_kernel_of_its_own() -> None:
    before = scene()
    weight = np.zeros((3, 3, 3, 3))
    for channel, name in enumerate(("sharpen", "emboss", "box-blur")):
        weight[channel, channel] = load_filter(name).kernel[0, 0]
    after = apply_filters(before, [Filter(weight)])
    fit = fit_filter(before, after, channels="separate", size=3)
    np.testing.assert_allclose(fit.filter.kernel, weight, atol=1e-12)


@pytest.mark.parametrize("stride", [2, 3])
def test_a_smaller_after_makes_a_stride(stride: int) -> None:
    before = read_image(SAMPLES / "landscape.jpg")
    chosen = load_filter("gaussian-blur").override(stride=stride)
    after = apply_filters(before, [chosen])
    fit = fit_filter(before, after)
    assert fit.filter.stride == (stride, stride)
    np.testing.assert_allclose(fit.filter.kernel, chosen.kernel, atol=1e-12)
    assert apply_filters(before, [fit.filter]).shape == after.shape


@pytest.mark.parametrize("preset", ["bilinear", "bicubic", "lanczos"])
def test_a_larger_after_makes_a_filter_for_upsample(preset: str) -> None:
    before = scene("L")
    after = upsample(before, preset, scale=2)
    fit = fit_filter(before, after)
    assert fit.is_transposed
    assert fit.name == preset
    again = upsample(before, fit.filter, scale=2)
    inner = np.s_[:, 8:-8, 8:-8]
    assert np.abs(again.tensor[inner] - after.tensor[inner]).max() < 1.1 / 255


def test_linear_light_is_detected() -> None:
    before = scene()
    after = apply_filters(before, [load_filter("gaussian-blur")], linear=True)
    fit = fit_filter(before, after)
    assert fit.linear
    assert "linear=True" in fit.filter.description
    np.testing.assert_allclose(fit.filter.kernel, load_filter("gaussian-blur").kernel, atol=1e-12)
    assert not fit_filter(before, after, linear=False).is_snapped


@pytest.mark.parametrize("shift", [(3, -2), (-17, 24), (1, 0)])
@pytest.mark.parametrize("name", ["sharpen", "sobel-x"])
def test_a_shift_is_found(name: str, shift: tuple[int, int]) -> None:
    before = scene()
    after = apply_filters(before, [linear(name)])
    moved = np.roll(after.frames[0].samples.transpose(2, 0, 1), shift, (1, 2))
    fit = fit_filter(before, Picture.from_array(moved))
    assert fit.shift == shift
    np.testing.assert_allclose(fit.filter.kernel, load_filter(name).kernel, atol=1e-12)
    assert fit_filter(before, Picture.from_array(moved), align=shift).name == name


@pytest.mark.parametrize("mode", ["zeros", "reflect", "replicate", "circular"])
def test_the_pad_mode_is_found(mode: str) -> None:
    before = scene("L")
    chosen = load_filter("gaussian-blur").override(pad_mode=mode)
    assert fit_filter(before, apply_filters(before, [chosen])).filter.pad_mode == mode


@pytest.mark.parametrize("mode", ["zeros", "circular"])
def test_the_pad_mode_is_found_where_after_is_larger(mode: str) -> None:
    before = scene("L")
    chosen = load_filter("gaussian-blur").override(pad_mode=mode, stride=2, divisor=64.0)
    fit = fit_filter(before, upsample(before, chosen))
    np.testing.assert_allclose(fit.filter.kernel, chosen.kernel, atol=1e-12)
    assert fit.filter.pad_mode == mode


def test_sixteen_bits_and_floats_give_weights_to_a_millionth() -> None:
    weight = np.random.default_rng(0).random((5, 5))
    chosen = Filter(weight / weight.sum() * 0.9)
    x = np.random.default_rng(1).integers(0, 65536, (1, 200, 240)).astype(np.uint16)
    for before in (Picture.from_array(x), Picture.from_array(x / np.float32(65535) * 7 - 2)):
        fit = fit_filter(before, apply_filters(before, [chosen]), size=5)
        assert np.abs(fit.filter.kernel - chosen.kernel).max() < 1e-6


def test_a_filter_with_a_range_is_tried_as_it_is() -> None:
    before = scene()
    for name in ("sobel", "edge-detect"):
        chosen = load_filter(name)
        fit = fit_filter(before, apply_filters(before, [chosen]))
        assert (fit.name, fit.filter) == (name, chosen)


def test_the_size_is_the_smallest_that_explains_held_out_tiles() -> None:
    before = scene()
    weight = np.random.default_rng(2).random((7, 7))
    fit = fit_filter(before, apply_filters(before, [Filter(weight / weight.sum())]))
    assert fit.size == (7, 7)
    assert fit.size_errors["7×7"] < fit.size_errors["5×5"] < fit.size_errors["3×3"]


def test_a_jpeg_limits_what_is_found_and_the_fit_is_as_good_as_the_truth(tmp_path: Path) -> None:
    before = scene()
    chosen = load_filter("gaussian-blur")
    write_image(apply_filters(before, [chosen]), tmp_path / "after.jpg", quality=75)
    after = read_image(tmp_path / "after.jpg")
    fit = fit_filter(before, after)
    assert not fit.is_snapped
    assert "JPEG" in fit.limit
    assert fit.lost_from is not None
    assert (fit.uncertainty > 0).all()
    truth = apply_filters(before, [chosen], as_float=True).tensor
    inner = np.s_[:, 8:-8, 8:-8]
    error = float(np.square(after.tensor - truth)[inner].mean())
    assert fit.held_out_psnr > -10 * np.log10(error) - 0.05


def test_the_residual_is_the_signed_difference() -> None:
    before = scene("L")
    chosen = load_filter("gaussian-blur")
    after = apply_filters(before, [chosen])
    residual = fit_filter(before, after).residual
    expected = after.tensor - apply_filters(before, [chosen], as_float=True).tensor
    np.testing.assert_allclose(residual, expected, atol=1e-6)


def test_the_residual_is_drawn_band_by_band(monkeypatch: pytest.MonkeyPatch) -> None:
    before = Picture.from_array(np.random.default_rng(0).integers(0, 256, (3, 600, 800), np.uint8))
    after = apply_filters(before, [load_filter("gaussian-blur")])
    fit = fit_filter(before, after, size=5, linear=False, align=(0, 0))
    whole = residual_picture(fit)
    monkeypatch.setattr(result, "BAND_SAMPLES", 16 * 800)
    monkeypatch.setattr(pictures, "SCALE_SAMPLES", 50_000)
    tracemalloc.start()
    by_bands = residual_picture(fit)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 0.7 * fit.residual.nbytes
    # Where two channels differ as much from 0, rounding decides which is shown.
    assert (by_bands.tensor != whole.tensor).mean() < 1e-4


def test_transparent_pixels_are_excluded() -> None:
    colour = scene().frames[0].samples
    alpha = np.full((*colour.shape[:2], 1), 255, np.uint8)
    alpha[:100, :90] = 0
    from convcli.images import Frame

    before = Picture((Frame.of(np.concatenate([colour, alpha], 2), "RGBA"),))
    chosen = load_filter("sharpen")
    fit = fit_filter(before, apply_filters(before, [chosen]))
    assert fit.name == "sharpen"
    assert fit.hidden > 0
    assert fit.clipped + fit.hidden > 3 * 100 * 90
    assert not fit.notes


def test_pairs_are_fitted_together() -> None:
    pictures = [scene(width=96), scene("RGB", 130)]
    afters = [apply_filters(one, [load_filter("emboss")]) for one in pictures]
    fit = fit_filter(pictures, afters)
    assert fit.name == "emboss"
    assert fit.samples > 3 * 250 * (90 + 124)


@pytest.mark.parametrize(
    ("before", "after", "options", "error", "words"),
    [
        ((1, 60, 60), (1, 50, 60), {}, ShapeError, "whole factor"),
        ((1, 60, 60), (1, 30, 120), {}, ShapeError, "whole factor"),
        ((3, 60, 60), (1, 60, 60), {"channels": "shared"}, ShapeError, "mixed"),
        ((1, 9, 9), (1, 9, 9), {"size": 8}, ImageError, "samples for 64 weights"),
        ((1, 9, 9), (1, 9, 9), {"size": 11}, ShapeError, "does not fit"),
        ((1, 60, 60), (1, 60, 60), {"align": (0, 70)}, ShapeError, "do not overlap"),
        ((1, 60, 60), (1, 30, 30), {"stride": 3}, ShapeError, "would have 20×20"),
        ((1, 60, 60), (1, 60, 60), {"size": 0}, ShapeError, "size"),
        ((1, 60, 60), (1, 60, 60), {"ridge": -1}, FilterError, "ridge"),
        ((1, 60, 60), (1, 60, 60), {"linear": "on"}, FilterError, "linear"),
        ((1, 60, 60), (1, 60, 60), {"size": 51}, ShapeError, "smaller size"),
    ],
)
def test_what_cannot_be_fitted_is_refused(before, after, options, error, words) -> None:
    rng = np.random.default_rng(0)
    pair = (rng.integers(1, 255, shape).astype(np.uint8) for shape in (before, after))
    with pytest.raises(error, match=words):
        fit_filter(*pair, **options)


def test_flat_clipped_and_infinite_pictures_are_refused() -> None:
    noise = np.random.default_rng(0).integers(1, 255, (1, 60, 60)).astype(np.uint8)
    with pytest.raises(ImageError, match="BEFORE has one colour"):
        fit_filter(np.full((1, 60, 60), 7, np.uint8), noise)
    with pytest.raises(ImageError, match="AFTER has one colour"):
        fit_filter(noise, np.full((1, 60, 60), 7, np.uint8))
    clipped = np.where(noise > 9, 255, noise).astype(np.uint8)
    with pytest.raises(ImageError, match="is clipped"):
        fit_filter(noise, clipped)
    broken = noise.astype(np.float32)
    broken[0, 3, 3] = np.nan
    with pytest.raises(ImageError, match="not finite"):
        fit_filter(broken, noise)


def test_a_before_that_determines_no_filter_is_refused() -> None:
    stripes = np.tile(np.random.default_rng(0).integers(1, 255, 60), (60, 1)).astype(np.uint8)
    noise = np.random.default_rng(1).integers(1, 255, (60, 60)).astype(np.uint8)
    with pytest.raises(ImageError, match="no ridge makes the system solvable"):
        fit_filter(stripes, noise, size=3)


def pair_of_files(folder: Path) -> tuple[Path, Path]:
    before, after = folder / "before.png", folder / "after.png"
    picture = scene(width=128)
    Image.fromarray(picture.frames[0].samples).save(before)
    result = apply_filters(picture, [load_filter("sharpen")])
    Image.fromarray(result.frames[0].samples).save(after)
    return before, after


def test_a_picture_may_be_fitted_to_itself(run, tmp_path: Path) -> None:
    before = pair_of_files(tmp_path)[0]
    result = run("fit", before, before)
    assert result.exit_code == 0, result.stderr
    assert "identity" in result.stderr


def test_the_command_writes_a_filter_that_apply_takes(run, tmp_path: Path) -> None:
    before, after = pair_of_files(tmp_path)
    found, report = tmp_path / "found.json", tmp_path / "report.json"
    kernel, residual = tmp_path / "k.png", tmp_path / "r.png"
    result = run(
        *("fit", before, after, "-o", found, "--report", report),
        *("--picture", kernel, "--residual", residual),
    )
    assert result.exit_code == 0, result.stderr
    assert result.stdout == ""
    assert "sharpen" in result.stderr
    assert "held-out" in result.stderr
    assert run("apply", "-f", found, before, "-o", tmp_path / "again.png").exit_code == 0
    with Image.open(tmp_path / "again.png") as one, Image.open(after) as other:
        np.testing.assert_array_equal(np.asarray(one), np.asarray(other))
    record = json.loads(report.read_text())
    assert (record["name"], record["shift"], record["is_rounding_alone"]) == (
        "sharpen",
        [0, 0],
        True,
    )
    for path in (kernel, residual):
        with Image.open(path) as image:
            assert image.mode == "RGB"
            assert len(image.getcolors(1 << 24)) > 20
    rest = tmp_path / "new" / "rest.npy"
    assert run("fit", before, after, "--residual", rest, "-q").exit_code == 0
    assert np.load(rest).shape == (3, 256, 128)


@pytest.mark.parametrize("output", [[], ["-o", "-"]])
def test_without_a_file_the_filter_goes_to_standard_output(
    run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, output: list[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    result = run("fit", *pair_of_files(tmp_path), "-q", *output)
    assert not Path("-").exists()
    assert json.loads(result.stdout)["weight"] == [[0, -1, 0], [-1, 5, -1], [0, -1, 0]]
    assert result.stderr == ""


def test_nothing_is_written_where_a_folder_cannot_be_created(run, tmp_path: Path) -> None:
    before, after = pair_of_files(tmp_path)
    (tmp_path / "file").write_text("")
    result = run(
        *("fit", before, after, "-o", tmp_path / "found.json"),
        *("--report", tmp_path / "file" / "fit.json"),
    )
    assert (result.exit_code, "cannot be created" in result.stderr) == (2, True)
    assert not (tmp_path / "found.json").exists()


def test_one_picture_may_come_from_standard_input(run, tmp_path: Path) -> None:
    before, after = pair_of_files(tmp_path)
    named = run("fit", before, after, "--size", 3).stdout
    for arguments, path in ((("-", after), before), ((before, "-"), after)):
        done = run("fit", *arguments, "--size", 3, stdin=path.read_bytes())
        assert (done.exit_code, done.stdout) == (0, named)
    done = run("fit", "-", "-", stdin=b"")
    assert (done.exit_code, "name a file for the other" in done.stderr) == (2, True)
    done = run("fit", "-", after, stdin=b"")
    assert (done.exit_code, "standard input: the file is empty" in done.stderr) == (1, True)


def test_the_residual_calls_for_other_channels() -> None:
    before = scene()
    mixed = np.zeros((3, 3, 1, 1))
    mixed[:, :, 0, 0] = [[0.5, 0.3, 0], [0, 0.6, 0.2], [0.2, 0, 0.7]]
    fit = fit_filter(before, apply_filters(before, [Filter(mixed)]), size=1, linear=False)
    assert any('channels="mixed" would' in note for note in fit.notes)
    gains = np.zeros((3, 3, 1, 1))
    gains[range(3), range(3), 0, 0] = 0.4, 0.7, 0.95
    fit = fit_filter(before, apply_filters(before, [Filter(gains)]), size=1, linear=False)
    assert any('channels="separate" would' in note for note in fit.notes)
    noisy = Picture.from_array(
        before.tensor + np.random.default_rng(0).normal(0, 0.05, before.tensor.shape)
    )
    assert not any("channels" in note for note in fit_filter(before, noisy, size=1).notes)


def test_folders_are_paired_by_relative_name(run, tmp_path: Path) -> None:
    for folder in ("before/a", "after/a"):
        (tmp_path / folder).mkdir(parents=True)
    before, after = pair_of_files(tmp_path)
    before.rename(tmp_path / "before/a/one.png")
    with Image.open(after) as image:
        image.save(tmp_path / "after/a/one.bmp")
    after.rename(tmp_path / "after/alone.png")
    result = run("fit", "-r", tmp_path / "before", tmp_path / "after")
    assert result.exit_code == 0
    assert json.loads(result.stdout)["name"] == "sharpen"
    assert "1 pictures have no partner" in result.stderr


def test_mistakes_touch_nothing(run, tmp_path: Path) -> None:
    before, after = pair_of_files(tmp_path)
    (tmp_path / "there.json").write_text("{}")
    for arguments, code, words in (
        ([before, after, "-o", tmp_path / "there.json"], 2, "exists already"),
        ([before, after, "-o", before, "--overwrite"], 2, "would replace"),
        ([before, after, "--picture", tmp_path / "k.xyz"], 2, "xyz"),
        ([before, after, "--report", "-"], 2, "standard output"),
        ([before, after, "-o", "-", "--report", "-"], 2, "standard output"),
        ([before, after, "--size", "a"], 2, "auto"),
        ([before, after, "--align", "3"], 2, "auto or Y,X"),
        (["-r", before, after], 2, "not a folder"),
        ([before, tmp_path / "none.png"], 1, "no such file"),
        ([before, SAMPLES / "lineart.png"], 1, "BEFORE has"),
    ):
        result = run("fit", *arguments)
        assert (result.exit_code, words in result.stderr) == (code, True), result.stderr
        assert sorted(path.name for path in tmp_path.iterdir()) == [
            *("after.png", "before.png", "there.json")
        ]


@pytest.mark.parametrize(
    ("before", "after", "words"),
    [
        (np.full((60, 60), 0.5), None, "BEFORE has one colour everywhere"),
        (None, np.full((60, 60), 0.5), "AFTER has one colour everywhere"),
        (np.full((60, 60), np.nan), None, "BEFORE holds values that are not finite"),
        (None, np.full((60, 60), np.inf), "AFTER holds values that are not finite"),
        (np.random.default_rng(0).random((3, 7)), None, "AFTER 60×60"),
    ],
)
def test_pictures_that_determine_no_filter_end_with_a_line_and_leave_nothing(
    run, tmp_path: Path, before: np.ndarray | None, after: np.ndarray | None, words: str
) -> None:
    names = [tmp_path / "before.npy", tmp_path / "after.npy"]
    for name, samples in zip(names, (before, after), strict=True):
        if samples is None:
            samples = np.random.default_rng(1).random((60, 60))
        np.save(name, samples.astype(np.float32))
    result = run("fit", *names, "-o", tmp_path / "o.json", "--residual", tmp_path / "r.png")
    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr.startswith("Error: ")
    assert result.stderr.count("\n") == 1
    assert words in result.stderr
    assert sorted(tmp_path.iterdir()) == sorted(names)


# `gm convert part.png -blur 0x2 blurred.png` and so on make pairs as Pillow's filters do here.
@pytest.mark.parametrize("name", ["SMOOTH", "EDGE_ENHANCE", "FIND_EDGES", "EMBOSS", "BLUR"])
def test_filters_of_pillow_are_named(name: str) -> None:
    before = scene()
    image = Image.fromarray(before.frames[0].samples)
    after = np.asarray(image.filter(getattr(ImageFilter, name)))
    fit = fit_filter(before, Picture.from_array(after.transpose(2, 0, 1).copy()))
    assert fit.name == f"Pillow's {name}"
    assert fit.is_rounding_alone
    assert "none of the pad modes" in fit.notes[0]  # it leaves the border as it was


def test_the_example_of_fit_filter_works() -> None:
    from convcli.fitting import fit

    results = doctest.testmod(fit)
    assert results.attempted > 3
    assert not results.failed


def test_the_picture_in_the_readme_is_what_the_command_draws(run, tmp_path: Path) -> None:
    before, after = SAMPLES / "landscape.jpg", tmp_path / "relief.png"
    assert run("apply", "-f", "emboss", before, "-o", after).exit_code == 0
    drawn = tmp_path / "kernel.png"
    assert run("fit", before, after, "--picture", drawn).exit_code == 0
    with Image.open(drawn) as one, Image.open(SAMPLES / "results" / "fit-emboss.png") as kept:
        assert one.size == kept.size
        # Fonts differ a little from one build of FreeType to another.
        difference = np.abs(np.asarray(one, int) - np.asarray(kept, int))
        assert (difference > 16).mean() < 0.02
