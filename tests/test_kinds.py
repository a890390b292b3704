"""Kinds: what each makes, held to SciPy, OpenCV, the classical numbers and direct integration."""

from __future__ import annotations

import json
import math
from pathlib import Path

import numpy as np
import pytest
from conftest import ROOT
from PIL import Image

from convcli import Filter, FilterError, Picture, apply_filters, load_filter, make_filter, upsample
from convcli.filters.bundled import bundled_filters
from convcli.filters.doubts import doubts
from convcli.filters.kinds.catalogue import KINDS, readme_table
from convcli.filters.making import read_kind

ORACLE = json.loads((ROOT / "tests" / "oracles" / "kinds.json").read_text())
ORACLE.pop("made by")


def example(name: str, folder: Path) -> str:
    """Return the example of a kind as ``-f`` takes it, with its files in ``folder``."""
    parameters = dict(KINDS[name].example)
    if "path" in parameters:
        parameters["path"] = str(folder / "psf.png")
        picture = np.zeros((5, 4), np.uint8)
        picture[0, 1:] = 50, 150, 255
        Image.fromarray(picture).save(parameters["path"])
    return KINDS[name].text(parameters)


def impulse(chosen: Filter, size: int = 41) -> np.ndarray:
    """Return what a filter makes of a single 1 in the middle."""
    samples = np.zeros((1, size, size), np.float32)
    samples[0, size // 2, size // 2] = 1
    return apply_filters(Picture.from_array(samples), [chosen], as_float=True).tensor[0]


@pytest.mark.parametrize("text", list(ORACLE))
def test_kernels_are_those_of_scipy_and_opencv(text: str) -> None:
    chosen, expected = load_filter(text), np.array(ORACLE[text])
    is_divided = text.startswith(("gabor", "sobel", "scharr"))
    found = (chosen.weight if is_divided else chosen.kernel[0, 0]).copy()
    assert found.shape == expected.shape
    if text.startswith("log"):  # SciPy leaves a sum, which is taken from the centre here
        centre = tuple(length // 2 for length in expected.shape)
        expected[centre] -= expected.sum()
        size = np.abs(expected).sum()
        np.testing.assert_allclose(found, expected, rtol=0, atol=1e-5 * size)
        found[centre] = expected[centre]  # which has the rounding of all the others
        np.testing.assert_allclose(found, expected, rtol=0, atol=1e-7 * size)
    else:
        np.testing.assert_allclose(found, expected, rtol=0, atol=1e-14)


@pytest.mark.parametrize(
    ("texts", "total"),
    [
        (("gaussian:sigma=0.01", "gaussian:sigma=40,sigma-y=3,angle=20", "gaussian:sigma=900"), 1),
        (("box:size=1", "box:size=777", "disk:radius=0.2", "disk:radius=50.3"), 1),
        (("motion:length=1", "motion:length=4", "motion:length=77.7,angle=-200"), 1),
        (("binomial:order=2", "binomial:order=50", "savgol:size=1,degree=0"), 1),
        (("savgol:size=99,degree=12", "savgol:size=5,degree=2,axis=both"), 1),
        (("lowpass:cutoff=0.01", "lowpass:cutoff=0.9,taps=3,window=kaiser,beta=0"), 1),
        (("unsharp:sigma=3,amount=7", "unsharp:sigma=100", "emboss:angle=77,depth=3"), 1),
        (("identity", "shift", "shift:x=-2.25,y=1e2"), 1),
        (("savgol:size=7,degree=3,derivative=1", "sobel", "sobel:size=7,angle=10"), 0),
        (("prewitt", "scharr:angle=45", "kirsch", "compass:orientations=4"), 0),
        (("gabor:sigma=3,wavelength=5,phase=90,angle=33",), 0),
    ],
)
def test_the_sum_is_that_of_its_kind(texts: tuple[str, ...], total: int) -> None:
    for text in texts:
        chosen = load_filter(text)
        factors = chosen.factors
        if factors is not None:
            sums = factors.column.sum() * factors.row.sum()
        else:
            sums = chosen.kernel.sum((1, 2, 3))
        np.testing.assert_allclose(sums, total, atol=1e-12, err_msg=text)


@pytest.mark.parametrize(
    "text", ["log:sigma=0.6", "log:sigma=9", "dog:sigma=2,ratio=3", "dog:sigma=30", "laplacian"]
)
def test_second_derivatives_of_flat_pictures_are_exactly_0(text: str) -> None:
    chosen = load_filter(text)
    assert chosen.weight.sum() == 0
    assert chosen.kernel.astype(np.float32).sum(dtype=np.float32) == 0
    flat = Picture.from_array(np.ones((1, 20, 30), np.float32))
    assert not apply_filters(flat, [chosen], as_float=True).tensor.any()


@pytest.mark.parametrize("name", list(KINDS))
def test_a_kind_has_the_settings_of_its_purpose(name: str, tmp_path: Path) -> None:
    chosen = read_kind(example(name, tmp_path))
    assert chosen is not None
    edges = ("log", "dog", "laplacian", "sobel", "prewitt", "scharr", "kirsch", "compass", "gabor")
    assert chosen.preserve_alpha == (name in (*edges, "emboss"))
    assert chosen.pad_mode == "replicate"
    assert chosen.description == KINDS[name].summary
    smooth = ("gaussian", "box", "binomial", "savgol", "lowpass", "shift")
    assert (chosen.column is not None) == (name in smooth)


@pytest.mark.parametrize("angle", [0, 90, 180, 270, -90])
@pytest.mark.parametrize("text", ["motion:length=9", "sobel:size=5", "gaussian:sigma=2,sigma-y=1"])
def test_kernels_that_separate_are_stored_as_column_and_row(text: str, angle: int) -> None:
    assert load_filter(f"{text},angle={angle}").column is not None


RAMPS = [("sobel:size=3", 8), ("sobel:size=5", 8), ("sobel:size=7", 8), ("prewitt", 6)]


@pytest.mark.parametrize(("text", "slope"), [*RAMPS, ("scharr", 8)])
@pytest.mark.parametrize("angle", [0, 30, 90, 135, 180, 270, -45])
def test_a_ramp_is_answered_alike_at_every_size_and_angle(
    text: str, slope: float, angle: float
) -> None:
    turn = math.radians(angle)
    rows, columns = np.mgrid[:15, :15]
    ramp = columns * math.cos(turn) - rows * math.sin(turn)  # brighter towards the angle, as seen
    picture = Picture.from_array(ramp[None].astype(np.float32))
    joined = "," if ":" in text else ":"
    found = apply_filters(picture, [load_filter(f"{text}{joined}angle={angle}")], as_float=True)
    np.testing.assert_allclose(found.tensor[0, 4:-4, 4:-4], slope, rtol=1e-5)
    magnitude = apply_filters(picture, [load_filter(text)], as_float=True)
    expected = load_filter(text.partition(":")[0])  # the bundled filter
    np.testing.assert_allclose(magnitude.tensor[0, 4:-4, 4:-4], slope, rtol=1e-5)
    bundled = apply_filters(picture, [expected], as_float=True)
    np.testing.assert_allclose(bundled.tensor[0, 4:-4, 4:-4], slope, rtol=1e-5)


def test_gradients_of_size_3_are_the_classical_whole_numbers() -> None:
    for name, middle in (("sobel", 2), ("prewitt", 1)):
        right = [[-1, 0, 1], [-middle, 0, middle], [-1, 0, 1]]
        up = [[1, middle, 1], [0, 0, 0], [-1, -middle, -1]]
        np.testing.assert_array_equal(make_filter(name, angle=0).kernel[0, 0], right)
        np.testing.assert_array_equal(make_filter(name, angle=90).kernel[0, 0], up)
        np.testing.assert_array_equal(make_filter(name).weight[:, 0], [right, up])
    scharr = make_filter("scharr", angle=0)
    np.testing.assert_array_equal(scharr.weight, [[-3, 0, 3], [-10, 0, 10], [-3, 0, 3]])


def test_compass_masks_are_those_of_kirsch_and_robinson_turned_counter_clockwise() -> None:
    kirsch = make_filter("kirsch").weight[:, 0]
    np.testing.assert_array_equal(kirsch[0], [[-3, -3, 5], [-3, 0, 5], [-3, -3, 5]])
    np.testing.assert_array_equal(kirsch[1], [[-3, 5, 5], [-3, 0, 5], [-3, -3, -3]])
    np.testing.assert_array_equal(kirsch[2], [[5, 5, 5], [-3, 0, -3], [-3, -3, -3]])
    robinson = make_filter("compass").weight[:, 0]
    np.testing.assert_array_equal(robinson[0], [[-1, 0, 1], [-2, 0, 2], [-1, 0, 1]])
    np.testing.assert_array_equal(robinson[1], [[0, 1, 2], [-1, 0, 1], [-2, -1, 0]])
    np.testing.assert_array_equal(
        make_filter("compass", orientations=4).weight[:, 0], robinson[::2]
    )
    assert make_filter("kirsch").reduce == "max"


def test_laplacians_emboss_and_binomial_are_the_classical_whole_numbers() -> None:
    np.testing.assert_array_equal(
        make_filter("laplacian").weight, [[0, 1, 0], [1, -4, 1], [0, 1, 0]]
    )
    np.testing.assert_array_equal(
        make_filter("laplacian", neighbours=8).weight, [[1, 1, 1], [1, -8, 1], [1, 1, 1]]
    )
    np.testing.assert_array_equal(make_filter("emboss").weight, load_filter("emboss").weight)
    deeper = make_filter("emboss", depth=2).weight
    np.testing.assert_array_equal(deeper, [[-4, -2, 0], [-2, 1, 2], [0, 2, 4]])
    gaussian = load_filter("gaussian-blur")
    np.testing.assert_array_equal(make_filter("binomial", order=4).kernel, gaussian.kernel)


def sampled(inside, radius_y: int, radius_x: int, fine: int = 101) -> np.ndarray:
    """Return the share of each pixel where ``inside(x, y)`` holds, y upwards, over their sum."""
    steps = (np.arange(fine) + 0.5) / fine - 0.5
    x = (np.arange(-radius_x, radius_x + 1)[:, None] + steps).ravel()
    y = -(np.arange(-radius_y, radius_y + 1)[:, None] + steps).ravel()
    covered = inside(x[None], y[:, None]).reshape(2 * radius_y + 1, fine, 2 * radius_x + 1, fine)
    shares = covered.mean((1, 3))
    return shares / shares.sum()


@pytest.mark.parametrize("radius", [0.3, 1.0, 2.5, 4.7])
def test_a_disk_is_its_area_on_each_pixel(radius: float) -> None:
    found = make_filter("disk", radius=radius).kernel[0, 0]
    reach = found.shape[0] // 2
    expected = sampled(lambda x, y: x * x + y * y <= radius * radius, reach, reach)
    np.testing.assert_allclose(found, expected, rtol=0, atol=2e-3)
    assert found[reach, 0] > 0


def test_a_large_disk_has_the_area_of_a_circle() -> None:
    kernel = make_filter("disk", radius=20.25).weight
    np.testing.assert_allclose(1 / kernel.max(), math.pi * 20.25**2, rtol=1e-12)


@pytest.mark.parametrize(("length", "angle"), [(7, 30), (4.5, -20), (12, 135), (1, 45), (9, 91)])
def test_a_motion_is_its_line_on_each_pixel(length: float, angle: float) -> None:
    found = make_filter("motion", length=length, angle=angle).kernel[0, 0]
    turn = math.radians(angle)

    def inside(x: np.ndarray, y: np.ndarray) -> np.ndarray:
        along = x * math.cos(turn) + y * math.sin(turn)
        across = y * math.cos(turn) - x * math.sin(turn)
        return (np.abs(along) <= length / 2) & (np.abs(across) <= 0.5)

    expected = sampled(inside, found.shape[0] // 2, found.shape[1] // 2)
    np.testing.assert_allclose(found, expected, rtol=0, atol=3e-3)


def test_a_level_motion_is_a_mean_with_part_of_the_pixels_at_its_ends() -> None:
    np.testing.assert_allclose(make_filter("motion", length=5).weight, [[0.2] * 5], rtol=1e-15)
    row = make_filter("motion", length=4, angle=180).weight
    np.testing.assert_allclose(row, [[0.125, 0.25, 0.25, 0.25, 0.125]], rtol=1e-15)
    column = make_filter("motion", length=4, angle=90).weight
    np.testing.assert_array_equal(column, row.T)


def test_motion_and_gaussian_run_along_their_angle_as_seen() -> None:
    for text in ("motion:length=15,angle=30", "gaussian:sigma=4,sigma-y=1,angle=30"):
        answer = impulse(load_filter(text))
        assert answer[20 - 3, 20 + 5] > 10 * answer[20 + 3, 20 + 5]  # up and to the right


def test_a_gaussian_turned_by_90_degrees_is_the_one_with_its_deviations_exchanged() -> None:
    turned = make_filter("gaussian", sigma=3, sigma_y=1, angle=90)
    exchanged = make_filter("gaussian", sigma=1, sigma_y=3)
    np.testing.assert_array_equal(turned.weight, exchanged.weight)
    nearly = make_filter("gaussian", sigma=3, sigma_y=1, angle=1e-9)
    np.testing.assert_allclose(
        nearly.weight, make_filter("gaussian", sigma=3, sigma_y=1).weight, atol=1e-9
    )


def test_a_shift_moves_to_the_right_and_down() -> None:
    moved = impulse(load_filter("shift:x=3,y=-2"))
    assert moved[18, 23] == 1
    assert moved.sum() == 1
    parted = impulse(load_filter("shift:x=0.25"))
    np.testing.assert_allclose(parted[20, 20:22], [0.75, 0.25])


def test_emboss_lights_the_side_that_faces_the_light() -> None:
    step = np.zeros((1, 9, 9), np.float32)
    step[0, :, 5:] = 0.5  # a slope that rises to the right faces left
    picture = Picture.from_array(step)
    from_left, from_right = (
        apply_filters(picture, [make_filter("emboss", angle=angle)], as_float=True).tensor[0, 4, 4]
        for angle in (180, 0)
    )
    assert from_left > 0.5 > -0.5 > from_right


def test_a_gabor_runs_along_its_angle_and_a_bank_has_each_direction() -> None:
    rows, columns = np.mgrid[:40, :40]
    turn = math.radians(30)
    wave = np.cos((columns * math.cos(turn) - rows * math.sin(turn)) * 2 * math.pi / 6)
    picture = Picture.from_array(wave[None].astype(np.float32))

    def strength(**parameters: float) -> float:
        chosen = make_filter("gabor", sigma=4, wavelength=6, **parameters)
        result = apply_filters(picture, [chosen], as_float=True).tensor[0, 12:-12, 12:-12]
        return float(np.abs(result).max())

    assert strength(angle=30) > 0.45
    assert strength(angle=-30) < 0.02
    assert strength(angle=0) < strength(orientations=6)
    np.testing.assert_allclose(strength(orientations=6), strength(angle=30), rtol=1e-5)


def test_unsharp_adds_what_a_gaussian_takes_away() -> None:
    kernel = -0.5 * make_filter("gaussian", sigma=2).weight
    kernel[8, 8] += 1.5
    found = make_filter("unsharp", sigma=2, amount=0.5).weight
    np.testing.assert_allclose(found, kernel, rtol=1e-15)


def test_a_point_takes_the_shape_of_a_picture(tmp_path: Path) -> None:
    chosen = load_filter(example("image", tmp_path))
    shape = np.asarray(Image.open(tmp_path / "psf.png"), float)
    answer = impulse(chosen, 11)
    np.testing.assert_allclose(answer.sum(), 1, rtol=1e-6)
    rows, columns = np.nonzero(answer)
    found = answer[rows.min() : rows.max() + 1, columns.min() : columns.max() + 1]
    np.testing.assert_allclose(found, shape[:1, 1:] / shape.sum(), rtol=1e-6)


def test_a_picture_as_kernel_is_grey_and_its_transparent_part_is_dark(tmp_path: Path) -> None:
    colours = np.array([[[255, 0, 0, 255], [0, 255, 0, 128], [9, 9, 9, 0]]], np.uint8)
    Image.fromarray(colours).save(tmp_path / "psf.png")
    found = make_filter("image", path=tmp_path / "psf.png").weight
    np.testing.assert_allclose(found, [[76.245, 149.685 * 128 / 255, 0]], rtol=1e-6)
    np.save(tmp_path / "psf.npy", np.array([[0.5, 0.25]], np.float32))
    array = make_filter("image", path=tmp_path / "psf.npy")
    np.testing.assert_array_equal(array.weight, [[0.5, 0.25]])


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("gaussian:sigma=-1", "gaussian: sigma is -1: give a number from 0.01 to 10,000"),
        ("gaussian:sigma=nan", "sigma is nan: give a number from"),
        ("gaussian:sigma=inf", "sigma is inf: give a number from"),
        ("gaussian:sigma=1e9", "sigma is 1e9: give a number from 0.01 to 10,000"),
        ("gaussian:sigma=two", "sigma is two: give a number"),
        ("gaussian:sigma=", "sigma is : give a number"),
        ("gaussian:sigma=2_0", "sigma is 2_0: give a number"),
        ("gaussian:sigma=9999,truncate=20", "399,961 taps, and 99,999 are the most: use a smaller"),
        ("gaussian:sigma=9000,sigma-y=8000,angle=5", r"are the most for a kernel .* smaller sigma"),
        ("gaussian:sigma=2,size=4", "size is 4: give an odd number from 1 to 99,999"),
        ("box:size=4", "box: size is 4: give an odd number from 1 to 99,999"),
        ("box:size=3.5", "size is 3.5: give an odd number"),
        ("box:size=100001", "size is 100001: give an odd number from 1 to 99,999"),
        ("binomial:order=3", "order is 3: give an even number from 2 to 50"),
        ("sobel:size=9", "sobel: size is 9: give 3, 5 or 7"),
        ("laplacian:neighbours=5", "neighbours is 5: give 4 or 8"),
        ("lowpass:cutoff=0.2,window=square", "window is square: give hann, hamming, blackman or k"),
        ("lowpass:cutoff=0.2,taps=10", "taps is 10: give an odd number from 3"),
        ("savgol:size=5,degree=5", "savgol: degree is 5: it must be below size, which is 5"),
        ("savgol:size=5,degree=2,derivative=3", "a polynomial of degree 2 has none"),
        ("motion:length=2000,angle=45", r"makes 1,4\d\d×1,4\d\d weights, and 1,000,000 are the"),
        ("disk:radius=1000", "radius is 1000: give a number from 0.01 to 499.5"),
        ("gaussian", "gaussian needs sigma, a number from .*, as in gaussian:sigma=2"),
        ("gabor:sigma=3", "gabor needs wavelength"),
        ("gaussian:2", "gaussian: '2' is not KEY=VALUE, as in gaussian:sigma=2"),
        ("gaussian:sigma=2,,size=3", "sigma is 2,: give a number"),
        ("gaussian:sigma=2,sigma=3", "duplicate key 'sigma': remove one"),
        ("gaussian:sigma=2,sigma_y=3,sigma-y=3", "duplicate key"),
        ("gaussian:sgima=2", r"no key 'sgima': did you mean 'sigma'\? it takes sigma, sigma-y \(s"),
        ("box:sigma=2", "box has no key 'sigma': it takes size; gaussian, log, dog, gabor, unsha"),
        ("kirsch:radius=2", r"it takes orientations \(8\); disk has radius"),
        ("identity:x=2", "identity has no key 'x': it takes none; shift has x"),
        ("image:path=none.png", "image: .*none.png.*no such file"),
    ],
)
def test_mistakes_in_parameters_are_reported_with_their_range(text: str, fault: str) -> None:
    with pytest.raises(FilterError, match=fault) as raised:
        load_filter(text)
    assert len(str(raised.value)) < 400


def test_pictures_that_make_no_kernel_are_refused(tmp_path: Path) -> None:
    Image.new("L", (4, 4)).save(tmp_path / "black.png")
    with pytest.raises(FilterError, match=r"black\.png: the picture is black"):
        make_filter("image", path=tmp_path / "black.png")
    Image.new("L", (1001, 1000), 9).save(tmp_path / "large.png")
    with pytest.raises(FilterError, match=r"large\.png: it has 1,001×1,000 pixels"):
        make_filter("image", path=tmp_path / "large.png")
    Image.new("CMYK", (2, 2)).save(tmp_path / "inks.tif")
    with pytest.raises(FilterError, match=r"inks\.tif: it has 4 channels"):
        make_filter("image", path=tmp_path / "inks.tif")
    (tmp_path / "text.png").write_text("no picture")
    with pytest.raises(FilterError, match=r"image: .*text\.png"):
        make_filter("image", path=tmp_path / "text.png")


def test_python_takes_numbers_of_any_type_and_refuses_unknown_kinds() -> None:
    assert make_filter("box", size=np.int64(3)) == make_filter("box", size=3.0)
    assert make_filter("gaussian", sigma=np.float32(2), sigma_y=None).name == "gaussian:sigma=2"
    with pytest.raises(FilterError, match="there is no kind 'gausian': did you mean 'gaussian'"):
        make_filter("gausian", sigma=2)
    for wrong in (True, None, [2], "x"):
        with pytest.raises(FilterError, match="gaussian"):
            make_filter("gaussian", sigma=wrong)


@pytest.mark.parametrize("name", list(KINDS))
def test_a_made_file_is_the_filter_that_the_text_makes(run, tmp_path: Path, name: str) -> None:
    text = example(name, tmp_path)
    options = [f"--{item}" for item in text.partition(":")[2].split(",") if item]
    target = tmp_path / "new" / "made.json"
    done = run("filters", "make", name, *options, "-o", target)
    assert (done.exit_code, done.stdout) == (0, "")
    chosen, loaded = read_kind(text), load_filter(target)  # a bundled filter has the name first
    assert chosen is not None
    assert loaded == chosen
    assert chosen.source.startswith(f"convcli filters make {name}")
    assert run("filters", "make", name, *options).stdout == target.read_text()
    if name not in bundled_filters():
        assert run("filters", "show", text).stdout == target.read_text()
    again = run("filters", "make", name, *options, "-o", target)
    assert again.exit_code == 2
    assert "made.json exists already" in again.stderr
    assert run("filters", "make", name, *options, "-o", target, "--overwrite").exit_code == 0


def test_the_source_of_a_made_file_is_the_command_that_makes_it(run, tmp_path: Path) -> None:
    (tmp_path / "a b").mkdir()
    Image.new("L", (2, 2), 5).save(tmp_path / "a b" / "c,d.png")
    chosen = load_filter(f"image:path={tmp_path}/a b/c,d.png")
    assert chosen.source == f"convcli filters make image --path '{tmp_path}/a b/c,d.png'"
    turned = load_filter("motion:angle=-30.50,length=1e1")
    assert turned.source == "convcli filters make motion --length 10 --angle -30.5"
    assert turned.name == "motion:length=10,angle=-30.5"


@pytest.mark.parametrize(
    ("arguments", "fault"),
    [
        (["gaussian"], "gaussian needs --sigma, as in convcli filters make gaussian --sigma 2"),
        (["gaussian", "--sigma", "-1"], "'--sigma': sigma is -1: give a number from 0.01"),
        (["gausian"], "there is no kind 'gausian': did you mean 'gaussian'?"),
        (["savgol", "--size", "3", "--degree", "4"], "savgol: degree is 4: it must be below size"),
    ],
)
def test_make_refuses_what_makes_no_filter(run, arguments: list[str], fault: str) -> None:
    done = run("filters", "make", *arguments)
    assert done.exit_code == 2
    assert fault in done.stderr
    assert not done.stdout


@pytest.mark.parametrize(
    ("text", "is_dark"),
    [
        *((text, True) for text in ("log:sigma=2", "dog:sigma=3", "gabor:sigma=4,wavelength=8")),
        *((text, False) for text in ("log:sigma=1", "laplacian", "sobel", "high-pass", "emboss")),
    ],
)
def test_kinds_of_faint_details_call_for_rescaling(text: str, is_dark: bool) -> None:
    found = doubts(load_filter(text))
    assert any("nearly black" in doubt for doubt in found) == is_dark
    assert doubts(load_filter(text).override(range="rescale")) == []


def test_no_made_weight_is_minus_zero() -> None:
    weight = load_filter("dog:sigma=3").weight
    assert (weight == 0).any()
    assert not np.signbit(weight[weight == 0]).any()


def test_the_readme_has_the_table_of_kinds() -> None:
    assert readme_table() in (ROOT / "README.md").read_text(), "python -m convcli.filters.kinds"


def test_kinds_enlarge_pictures() -> None:
    picture = Picture.from_array(np.full((1, 8, 9), 100, np.uint8))
    chosen = load_filter("gaussian:sigma=3")
    result = upsample(picture, chosen, scale=2, normalize=True)
    np.testing.assert_array_equal(result.frames[0].samples, np.full((16, 18, 1), 100))
