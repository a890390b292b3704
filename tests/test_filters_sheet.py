"""``filters sheet``: filters side by side on one picture."""

from __future__ import annotations

import json
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageFont

from convcli import Filter, Picture, PlanError, apply_filters, load_filter, read_image, write_image
from convcli.drawing.grid import FLATNESS, LABEL, WIDTH, grid_for
from convcli.drawing.page import Page, fitted
from convcli.drawing.sheet import contact_sheet, shown, tiles_of
from convcli.filters.bundled import bundled_filters
from convcli.images import Frame, labels
from convcli.images.conversion.reduced import reduced
from convcli.images.labels import text_mask

RNG = np.random.default_rng(6)


def picture(samples: np.ndarray, mode: str) -> Picture:
    return Picture((Frame.of(samples, mode),))


def noise(*shape: int) -> np.ndarray:
    return RNG.integers(0, 256, shape, np.uint8)


def samples_of(result: Picture) -> np.ndarray:
    (frame,) = result.frames
    assert (frame.mode, frame.raster.dtype) == ("RGB", np.uint8)
    return frame.samples


def cell_of(page: np.ndarray, grid, number: int) -> np.ndarray:
    top, left = grid.corner(number)
    return page[top : top + grid.cell[0], left : left + grid.cell[1]]


@pytest.mark.parametrize("count", [1, 2, 7, 19, 20, 64, 200])
@pytest.mark.parametrize("size", [(512, 768), (4000, 6000), (300, 100), (20, 30), (3, 900)])
def test_a_grid_fits_the_page_and_its_cells_do_not_overlap(
    count: int, size: tuple[int, int]
) -> None:
    try:
        grid = grid_for(count, size)
    except PlanError:
        assert count == 200 or min(size) < 10
        return
    height, width = grid.size
    assert width <= WIDTH
    assert height <= FLATNESS * WIDTH
    assert (grid.rows - 1) * grid.columns < count <= grid.rows * grid.columns
    assert grid.thumbnail[0] <= size[0]
    assert grid.thumbnail[1] <= size[1]
    assert grid.enlargement == 1 or grid.thumbnail == size
    if min(grid.thumbnail) > 10:
        assert grid.thumbnail[1] / grid.thumbnail[0] == pytest.approx(size[1] / size[0], rel=0.1)
    covered = np.zeros((height, width), int)
    for number in range(count):
        top, left = grid.corner(number)
        covered[top : top + grid.cell[0] + LABEL, left : left + grid.cell[1]] += 1
    assert covered.sum() == count * (grid.cell[0] + LABEL) * grid.cell[1]
    assert covered.max() == 1


def test_full_grids_are_preferred() -> None:
    assert (grid_for(64, (512, 768)).rows, grid_for(64, (512, 768)).columns) == (8, 8)
    assert (grid_for(20, (512, 768)).rows, grid_for(20, (512, 768)).columns) == (4, 5)


def test_too_many_pictures_are_refused() -> None:
    with pytest.raises(PlanError, match="4000 pictures do not fit a sheet 1600 pixels wide"):
        grid_for(4000, (512, 768))


def test_every_cell_holds_the_result_of_its_filter() -> None:
    samples = noise(30, 40, 3)
    filters = [load_filter(name) for name in ("sobel", "sepia", "grayscale", "sharpen")]
    page = samples_of(contact_sheet(picture(samples, "RGB"), filters))
    grid = grid_for(5, (30, 40))
    assert page.shape[:2] == grid.size
    assert grid.enlargement == 8
    larger = (grid.enlargement, grid.enlargement, 1)
    np.testing.assert_array_equal(cell_of(page, grid, 0), np.kron(samples, np.ones(larger)))
    for number, filter in enumerate(filters, 1):
        expected = apply_filters(picture(samples, "RGB"), [filter]).frames[0].samples
        expected = np.broadcast_to(expected, samples.shape)
        np.testing.assert_array_equal(
            cell_of(page, grid, number), np.kron(expected, np.ones(larger))
        )
        # The label is printed below, in dark ink on paper.
        top, left = grid.corner(number)
        below = page[
            top + grid.cell[0] + 2 : top + grid.cell[0] + LABEL, left : left + grid.cell[1]
        ]
        assert below.min() < 80
        assert below.max() == 255


def test_a_large_picture_is_reduced_before_it_is_filtered() -> None:
    rows, columns = np.mgrid[:1200, :1800]
    samples = ((rows // 300 + columns // 300) % 2 * 200 + 20).astype(np.uint8)[..., np.newaxis]
    sheet = samples_of(contact_sheet(picture(samples, "L"), [load_filter("sobel")]))
    grid = grid_for(2, (1200, 1800))
    small = reduced(Frame.of(samples, "L"), grid.thumbnail)
    edges = apply_filters(Picture((small,)), [load_filter("sobel")]).frames[0].samples
    np.testing.assert_array_equal(cell_of(sheet, grid, 1)[..., :1], edges)
    assert edges.max() == 255


def test_feature_maps_are_each_rescaled_and_numbered() -> None:
    samples = noise(40, 60, 3)
    weight = RNG.normal(size=(64, 3, 7, 7)) * np.geomspace(1e-3, 1e3, 64).reshape(-1, 1, 1, 1)
    bank = Filter(weight, name="conv1")
    assert [tile.label for tile in tiles_of([bank])] == [str(k) for k in range(64)]
    page = samples_of(contact_sheet(picture(samples, "RGB"), [bank]))
    grid = grid_for(64, (40, 60))
    answers = apply_filters(picture(samples, "RGB"), [bank], as_float=True).tensor
    for k in (0, 31, 63):
        cell = cell_of(page, grid, k)
        assert (cell.min(), cell.max()) == (0, 255)
        low, high = answers[k].min(), answers[k].max()
        expected = (answers[k] - low) / (high - low) * 255
        step = grid.enlargement
        np.testing.assert_allclose(cell[::step, ::step, 0], expected, atol=0.51)


def test_maps_beside_other_filters_bear_the_name_of_their_bank() -> None:
    bank = Filter(RNG.normal(size=(2, 3, 3, 3)), name="pair")
    tiles = tiles_of([load_filter("sobel"), bank])
    assert [tile.label for tile in tiles] == ["original", "sobel", "pair 0", "pair 1"]


def test_filters_for_colours_are_shown_on_grey_pictures_too() -> None:
    samples = noise(30, 40, 1)
    page = samples_of(contact_sheet(picture(samples, "L"), [load_filter("sepia")]))
    cell = cell_of(page, grid_for(2, (30, 40)), 1)
    assert (cell[..., 0] >= cell[..., 2]).all()
    assert (cell[..., 0] > cell[..., 2]).any()


def test_transparent_pixels_show_squares() -> None:
    samples = np.zeros((16, 24, 4), np.uint8)
    samples[:, 8:] = (250, 10, 20, 255)
    samples[:, 16:, 3] = 51
    rgb = shown(Frame.of(samples, "RGBA"))
    assert rgb[:8, :8].tolist() == np.full((8, 8, 3), 255).tolist()
    assert rgb[8:, :8].tolist() == np.full((8, 8, 3), 224).tolist()
    assert rgb[0, 10].tolist() == [250, 10, 20]
    assert rgb[0, 20].tolist() == [254, 206, 208]  # a fifth of the colour on white


@pytest.mark.parametrize("top", [255, 65535])
def test_reduction_averages_and_keeps_the_depth(top: int) -> None:
    dtype = np.uint8 if top == 255 else np.uint16
    samples = np.zeros((64, 96, 1), dtype)
    samples[::2] = top
    small = reduced(Frame.of(samples, "L"), (8, 12))
    assert small.samples.dtype == dtype
    assert small.size == (8, 12)
    np.testing.assert_allclose(small.samples[1:-1] / top, 0.5, atol=0.01)


def test_reduction_takes_no_colour_from_invisible_pixels() -> None:
    samples = np.zeros((40, 40, 4), np.uint8)
    samples[:, :20] = (0, 255, 0, 0)
    samples[:, 20:] = (200, 100, 50, 255)
    small = reduced(Frame.of(samples, "RGBA"), (10, 10)).samples
    assert (small[:, 5:, :3] == (200, 100, 50)).all()
    assert small[0, 0, 3] == 0
    assert (small[small[..., 3] > 0][:, 1] <= 101).all()


def test_floats_outside_0_to_1_are_brought_into_it() -> None:
    values = np.linspace(-500, 1500, 600, dtype=np.float32).reshape(1, 20, 30)
    values[0, 0, 1] = np.nan
    page = samples_of(contact_sheet(Picture.from_array(values), [load_filter("identity")]))
    cell = cell_of(page, grid_for(2, (20, 30)), 1)
    assert (cell.min(), cell.max()) == (0, 255)


def test_a_result_larger_than_its_cell_is_reduced_and_a_smaller_one_is_centred() -> None:
    samples = np.full((100, 150, 1), 90, np.uint8)
    filters = [Filter([[1]], pad=100), Filter([[1]], stride=4, pad_mode="replicate")]
    page = samples_of(contact_sheet(picture(samples, "L"), filters))
    grid = grid_for(3, (100, 150))
    large, small = cell_of(page, grid, 1), cell_of(page, grid, 2)
    height, width = grid.cell
    assert large[height // 2, width // 2].tolist() == [90] * 3
    assert small[height // 2, width // 2].tolist() == [90] * 3
    assert small[0, 0].tolist() == [255] * 3


def test_labels_have_one_baseline_and_are_shortened_to_their_cell() -> None:
    assert text_mask("aceg", 13, of_line=True).shape[0] == text_mask("A", 13, of_line=True).shape[0]
    assert fitted("sobel", 13, 100) == "sobel"
    short = fitted("a-very-long-name-of-a-filter", 13, 80)
    assert short.endswith("…")
    assert text_mask(short, 13).shape[1] <= 80
    page = Page(20, 30)
    page.text("wider than the page", 10, 15, 13, anchor="middle")
    assert page.samples.min() < 100


def test_without_freetype_labels_are_drawn_in_the_bitmap_font(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(labels.features, "check", lambda name: False)
    monkeypatch.setattr(labels.ImageFont, "load_default", ImageFont.load_default_imagefont)
    labels.font.cache_clear()
    try:
        mask = text_mask("3×3…", 40)
        assert mask.max() == 1
        assert mask.shape[0] < 20
    finally:
        labels.font.cache_clear()


@pytest.fixture
def photo(tmp_path: Path) -> Path:
    path = tmp_path / "photo.png"
    write_image(picture(noise(48, 64, 3), "RGB"), path)
    return path


def test_the_command_shows_every_bundled_filter(run, photo: Path, tmp_path: Path) -> None:
    target = tmp_path / "new" / "sheet.png"
    ended = run("filters", "sheet", photo, "-o", target, "--progress")
    assert ended.exit_code == 0, ended.output
    count = len(bundled_filters())
    assert f"{count} of {count}" in ended.stderr
    assert ended.stdout == ""
    with Image.open(target) as image:
        height, width = grid_for(count + 1, (48, 64)).size
        assert image.size == (width, height)
        assert image.mode == "RGB"


def test_filters_width_and_format_are_chosen(run, photo: Path, tmp_path: Path) -> None:
    file = tmp_path / "mine.json"
    file.write_text(json.dumps({"weight": [[0, 1]], "name": "moved"}))
    options = ("-f", "sobel", "-f", file, "--width", 400, "--format", "jpg", "--quality", 50)
    ended = run("filters", "sheet", *options, photo, "-o", "-")
    assert ended.exit_code == 0, ended.stderr
    with Image.open(BytesIO(ended.stdout_bytes)) as image:
        assert image.format == "JPEG"
        assert image.width <= 400


def test_the_first_frame_turned_upright_and_the_profile_are_kept(run, tmp_path: Path) -> None:
    from PIL import ImageCms

    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    exif = Image.Exif()
    exif[0x0112] = 6
    source, target = tmp_path / "a.jpg", tmp_path / "b.png"
    Image.new("RGB", (60, 40), (200, 0, 0)).save(source, exif=exif, icc_profile=profile)
    assert run("filters", "sheet", "-f", "identity", source, "-o", target).exit_code == 0
    with Image.open(target) as image:
        assert image.info["icc_profile"] == profile
        height, width = grid_for(2, (60, 40)).size
        assert image.size == (width, height)


def test_cmyk_is_shown_as_rgb(run, tmp_path: Path) -> None:
    source, target = tmp_path / "a.tif", tmp_path / "b.png"
    Image.new("CMYK", (60, 40), (0, 255, 255, 0)).save(source)
    assert run("filters", "sheet", "-f", "sepia", source, "-o", target).exit_code == 0
    cell = cell_of(read_image(target).frames[0].samples, grid_for(2, (40, 60)), 0)
    assert cell[5, 5, 0] > 150 > cell[5, 5, 1]


def test_what_is_wrong_is_said_and_nothing_is_written(run, photo: Path, tmp_path: Path) -> None:
    target = tmp_path / "sheet.png"
    target.write_bytes(b"kept")
    other = tmp_path / "other.png"
    five = tmp_path / "five.json"
    five.write_text(json.dumps({"weight": [[[1]]] * 5}))
    for args, code, text in (
        ((photo, "-o", target), 2, "exists already"),
        ((photo, "-o", tmp_path / "a.nix"), 2, "image format that can be written"),
        ((photo, "-o", tmp_path / "a{channel}.png"), 2, "without {channel}"),
        ((photo, "-f", "sobell", "-o", other), 2, "did you mean sobel"),
        ((photo,), 2, "Missing option"),
        ((tmp_path / "none.png", "-o", other), 1, "no such file"),
        ((photo, "-f", five, "-o", other), 1, "filter five"),
        ((photo, "-o", other, "--max-pixels", 10), 1, "--max-pixels"),
    ):
        ended = run("filters", "sheet", *args)
        assert (ended.exit_code, text in ended.stderr) == (code, True), ended.output
        assert "Traceback" not in ended.stderr
    assert target.read_bytes() == b"kept"
    assert not other.exists()
    assert run("filters", "sheet", photo, "-f", "sobel", "-o", target, "--overwrite").exit_code == 0
    assert target.read_bytes() != b"kept"


def test_kinds_and_a_filter_on_standard_input_are_shown(run, photo: Path, tmp_path: Path) -> None:
    target = tmp_path / "sheet.png"
    options = ("-f", "gaussian:sigma=2", "-f", "-", "-o", target)
    ended = run("filters", "sheet", photo, *options, stdin=b'{"weight": [[2]]}')
    assert ended.exit_code == 0, ended.output
    ended = run("filters", "sheet", "-", *options, "--overwrite", stdin=b"{}")
    assert (ended.exit_code, "use - once" in ended.stderr) == (2, True)


def test_an_npy_bank_becomes_a_sheet_of_its_maps(run, photo: Path, tmp_path: Path) -> None:
    np.save(tmp_path / "conv1.npy", RNG.normal(size=(64, 3, 7, 7)).astype(np.float32))
    target = tmp_path / "maps.png"
    ended = run("filters", "sheet", "-f", tmp_path / "conv1.npy", photo, "-o", target)
    assert ended.exit_code == 0, ended.output
    page, grid = read_image(target).frames[0].samples, grid_for(64, (48, 64))
    assert page.shape[:2] == grid.size
    for k in (0, 17, 63):
        cell = cell_of(page, grid, k)
        assert (cell.min(), cell.max()) == (0, 255)
