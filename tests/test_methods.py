"""Every method of convolving gives what the loops give, and the fast ones are taken."""

from __future__ import annotations

import gc
import weakref

import numpy as np
import pytest
from cases import Case, over_cases

from convcli import conv2d, conv2d_backward, conv_transpose2d
from convcli.kernel import reference
from convcli.kernel.engine import cost_model, dispatch, int16
from convcli.kernel.engine.dispatch import METHODS, choose, correlate, costs, prepare, size_of
from convcli.kernel.engine.float_passes import MOST_WEIGHTS, FloatPasses, steps_of
from convcli.kernel.engine.method import Method
from convcli.kernel.engine.problem import ConvolutionProblem
from convcli.kernel.engine.separable import factors
from convcli.kernel.geometry import conv_geometry
from convcli.kernel.weight_gradient import weight_and_bias_gradients
from convcli.kernel.window import Window

TOLERANCE = {np.float32: 1e-5, np.float64: 1e-12}
FOR_FLOATS = [
    name for name, method in METHODS.items() if not (method.only_bytes or method.only_words)
]


def can(method: str, case: Case) -> bool:
    if method == "separable":
        return case.channels == case.filters == case.groups
    if method == "float passes":
        is_small = case.kernel[0] * case.kernel[1] <= MOST_WEIGHTS
        return case.stride == (1, 1) and case.channels == case.filters == case.groups and is_small
    if method == "kn2row":
        return case.stride[1] == 1
    return method != "fft" or case.stride == (1, 1)


def window_of(case: Case) -> Window:
    geometry = conv_geometry(case.size, case.kernel, case.stride, case.pads, case.dilation)
    return Window.of(geometry, case.mode)


def big(kernel: int, **options: object) -> Case:
    return Case(size=(61, 70), kernel=(kernel, kernel), pads=(kernel // 2,) * 4, **options)


LARGER = [big(7, channels=3, filters=3, groups=3), big(9, mode="reflect"), big(31, mode="circular")]
LARGER += [big(5, channels=2, filters=3), big(5, dilation=(2, 3)), big(6, stride=(2, 3))]


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("method", FOR_FLOATS)
@over_cases
def test_every_method_is_the_definition(case: Case, method: str, dtype: type) -> None:
    case = case.suited_to(method)
    image, weight, _ = case.arrays(dtype)
    found = correlate(image[None], weight, window_of(case), groups=case.groups, method=method)
    options = case.options | {"pads": case.pads, "pad_mode": case.mode}
    assert_near(found[0], reference.conv2d(image, weight, **options), dtype)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("method", FOR_FLOATS)
def test_every_method_is_the_definition_on_larger_images(method: str, dtype: type) -> None:
    tried = 0
    for case in (case for case in LARGER if can(method, case)):
        image, weight, _ = case.arrays(dtype)
        found = correlate(image[None], weight, window_of(case), groups=case.groups, method=method)
        assert_near(found[0], conv2d_by_taps(image, weight, case), dtype)
        tried += 1
    assert tried


def assert_near(found: np.ndarray, expected: np.ndarray, dtype: type) -> None:
    assert found.dtype == dtype
    scale = np.abs(expected).max(initial=1)
    np.testing.assert_allclose(found, expected, rtol=0, atol=TOLERANCE[dtype] * scale)


def conv2d_by_taps(image: np.ndarray, weight: np.ndarray, case: Case) -> np.ndarray:
    """The definition where the loops would take too long: the method nearest to them, in double."""
    doubles = image.astype(np.float64)[None], weight.astype(np.float64)
    return correlate(*doubles, window_of(case), groups=case.groups, method="direct")[0]


@pytest.mark.parametrize("kernel", [3, 15, 31, 63])
@pytest.mark.parametrize("method", ["banded", "kn2row", "separable", "fft"])
def test_float32_stays_near_float64(method: str, kernel: int) -> None:
    rng = np.random.default_rng(0)
    image = rng.random((1, 1, 150, 170), np.float32)
    weight = rng.random((1, 1, kernel, kernel), np.float32)
    if method == "separable":
        weight = weight[:, :, :1] * weight[:, :, :, :1]
    window = Window((-3, -3), (150, 170), (kernel, kernel), (1, 1), (1, 1), "reflect")
    found = correlate(image, weight, window, method=method)
    exact = correlate(image.astype(np.float64), weight.astype(np.float64), window, method="banded")
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, exact, rtol=0, atol=1e-5 * np.abs(exact).max())


@pytest.mark.parametrize("mode", ["zeros", "reflect", "replicate", "circular"])
@pytest.mark.parametrize("method", ["direct", "banded", "kn2row", "separable", "fft"])
@pytest.mark.parametrize("pixel", [1, 3, 4])
def test_interleaved_pixels_are_read_without_a_copy(method: str, pixel: int, mode: str) -> None:
    rng = np.random.default_rng(0)
    samples = rng.integers(0, 256, (40, 33, pixel), np.uint8)
    weight = rng.random((1, 1, 5, 4), np.float32)
    weight /= weight.sum()
    window = Window((-2, -1), (40, 33), (5, 4), (1, 1), (1, 1), mode, pixel)
    out = np.empty((1, 1, 40, 33 * pixel), np.uint8)
    correlate(samples.reshape(1, 1, 40, -1), weight, window, out=out, method=method)
    planes = samples.transpose(2, 0, 1)[:, None].astype(np.float64)
    exact = conv2d(planes, weight, pad=(2, 1, 2, 2), pad_mode=mode)[:, 0].transpose(1, 2, 0)
    off = np.abs(out.reshape(samples.shape) - exact)
    assert off.max() < 0.5 + 1e-3


INTEGERS = {
    "sharpen": ([[0, -1, 0], [-1, 5, -1], [0, -1, 0]], 0.0),
    "edges": ([[-1, -1, -1], [-1, 8, -1], [-1, -1, -1]], 127.4),
    "falling": ([[-1.0, -2, -1], [0, 0, 0], [0, 0, 0]], 300.5),
    "sobel": ([[-1, 0, 1], [-2, 0, 2], [-1, 0, 1]], -0.5),
    "gauss": ([[1 / 16, 2 / 16, 1 / 16], [2 / 16, 4 / 16, 2 / 16]], 0.25),
    "nine": ([[1, 2, 3], [-4, 5, 6], [7, -8, 9]], 0.0),
    "halves": ([[0.5, -0.25], [1.5, 0.125]], 0.0625),
    "brighter": ([[1, 1], [0, 1]], 0.0),
    "nothing": ([[0, 0], [0, 0]], 3.5),
    "one": ([[1]], 0.0),
    "minus one": ([[-1]], 255.0),
    "long": ([[1, 0, 0, 0, -1, 0, 3]], 0.0),
}


@pytest.mark.parametrize("mode", ["zeros", "reflect", "replicate", "circular"])
@pytest.mark.parametrize(("pixel", "dilation"), [(1, (1, 1)), (3, (1, 1)), (4, (2, 3))])
@pytest.mark.parametrize("name", INTEGERS)
@pytest.mark.parametrize(("method", "dtype"), [("int16", np.uint8), ("int32", np.uint16)])
def test_integer_weights_are_summed_exactly(
    method: str, dtype: type, name: str, pixel: int, dilation: tuple[int, int], mode: str
) -> None:
    rows, bias = INTEGERS[name]
    weight = np.float32(rows)[None, None]
    top = np.iinfo(dtype).max
    samples = np.random.default_rng(0).integers(0, top + 1, (40, 33, pixel), dtype)
    samples[::3] //= top // 5 * 4  # blacks and whites too
    samples[::3] *= top
    window = Window((-2, -1), (41, 30), weight.shape[2:], (1, 1), dilation, mode, pixel)
    source, biases = samples.reshape(1, 1, 40, -1), np.float32([bias])
    exact = correlate(
        samples.transpose(2, 0, 1)[:, None].astype(np.float64),
        weight.astype(np.float64),
        window._replace(interleaved=1),
        method="direct",
    )
    expected = np.clip(np.floor(exact[:, 0].transpose(1, 2, 0) + bias + 0.5), 0, top)
    out = np.empty((1, 1, 41, 30 * pixel), dtype)
    correlate(source, weight, window, bias=biases, out=out, method=method)
    np.testing.assert_array_equal(out.reshape(41, 30, pixel), expected)


@pytest.mark.parametrize("parts", [(50, 64), (1 << 20, 100), (1 << 20, 1 << 20)])
def test_integer_sums_do_not_depend_on_how_they_are_cut(parts: tuple[int, int]) -> None:
    samples = np.random.default_rng(0).integers(0, 256, (1, 1, 30, 60), np.uint8)
    weight = np.float32(INTEGERS["nine"][0])[None, None]
    window = Window((-1, -1), (30, 20), (3, 3), (1, 1), (1, 1), "reflect", 3)
    expected, out = np.empty_like(samples), np.empty_like(samples)
    correlate(samples, weight, window, out=expected, method="banded")
    problem = ConvolutionProblem(weight[np.newaxis], None, window, 20)
    dispatch.run(int16.Int16(problem, *parts), samples, out)
    np.testing.assert_array_equal(out, expected)


@pytest.mark.parametrize(("dtype", "top"), [(np.uint8, 255), (np.uint16, 65535)])
def test_integers_are_rounded_to_nearest_and_clipped(dtype: type, top: int) -> None:
    image = np.array([[[[0, 1, 100, top]]]], dtype)
    window = Window((0, 0), (1, 4), (1, 1), (1, 1), (1, 1))
    out = np.empty_like(image)
    correlate(image, np.float32([[[[1.5]]]]), window, bias=np.float32([-1]), out=out)
    assert out.ravel().tolist() == [0, 1, 149, top]


@pytest.mark.parametrize("method", ["banded", "kn2row", "separable", "fft", "direct"])
def test_a_sum_of_weights_just_above_1_is_clipped(method: str) -> None:
    image = np.full((1, 1, 9, 9), 255, np.uint8)
    out = np.empty_like(image)
    correlate(
        image,
        np.float32([[[[1.01]]]]),
        Window((0, 0), (9, 9), (1, 1), (1, 1), (1, 1)),
        out=out,
        method=method,
    )
    assert (out == 255).all()


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("method", ["banded", "kn2row", "separable", "fft"])
def test_nan_and_infinity_spread_no_further_than_the_kernel(method: str, bad: float) -> None:
    rng = np.random.default_rng(0)
    image = rng.random((1, 1, 300, 40), np.float32)
    image[0, 0, 150, 20] = bad
    weight = np.outer([1, 2, 3], [3.0, 2, 1]).astype(np.float32)[None, None]
    window = Window((-1, -1), (300, 40), (3, 3), (1, 1), (1, 1))
    found = correlate(image, weight, window, method=method)
    finite = np.isfinite(found[0, 0])
    assert not finite[149:152, 19:22].any()
    assert finite.sum() == finite.size - 9
    image[0, 0, 150, 20] = 0.5
    clean = correlate(image, weight, window, method=method)
    np.testing.assert_allclose(found[0, 0][finite], clean[0, 0][finite], rtol=1e-5)


def problem(
    kernel: np.ndarray, channels: int = 3, size: tuple[int, int] = (1536, 2048)
) -> ConvolutionProblem:
    weight = kernel[None, None, None] if kernel.ndim == 2 else kernel[None]
    taps = weight.shape[-2:]
    window = Window(
        (-(taps[0] // 2), -(taps[1] // 2)), size, taps, (1, 1), (1, 1), "zeros", channels
    )
    return ConvolutionProblem(weight.astype(np.float32), None, window, size[1])


def dense(*shape: int) -> np.ndarray:
    return np.random.default_rng(0).random(shape)


GAUSSIAN = np.exp(-(np.linspace(-3, 3, 31) ** 2))

FEW_SUMS = ("float passes", "banded", "separable")
"""Methods for floats that take about as long for a few weights; which is fastest depends."""


@pytest.fixture(params=["with_avx512", "without"])
def machine(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Let methods cost what they do on one kind of machine."""
    for name, value in vars(cost_model).copy().items():
        if isinstance(value, cost_model.Measured):
            monkeypatch.setattr(cost_model, name, getattr(value, request.param))
    return str(request.param)


@pytest.mark.usefixtures("machine")
@pytest.mark.parametrize(
    ("kernel", "expected"),
    [
        (dense(3, 3), "banded"),
        (np.ones((3, 3)), FEW_SUMS),
        (np.outer([1, 4, 6, 4, 1], [1, 4, 6, 4, 1]) / 256, FEW_SUMS),
        (dense(9, 9), "banded"),
        (dense(31, 31), "fft"),
        (dense(63, 63), "fft"),
        (np.outer(GAUSSIAN, GAUSSIAN), "separable"),
        (np.outer(GAUSSIAN[::3], GAUSSIAN[::3]), "separable"),
        (dense(8, 3, 3, 3), "banded"),
        (dense(16, 3, 3, 3), "banded"),
        (dense(64, 64, 3, 3), "kn2row"),
        (dense(3, 16, 3, 3), "kn2row"),
    ],
)
def test_the_choice_is_the_fast_one(kernel: np.ndarray, expected: str | tuple[str, ...]) -> None:
    assert choose(problem(kernel, channels=1)) in np.atleast_1d(expected)


@pytest.mark.usefixtures("machine")
@pytest.mark.parametrize(
    ("rows", "expected"),
    [
        (INTEGERS["sharpen"][0], "int16"),
        (INTEGERS["gauss"][0], "int16"),
        (np.diag((1, 1, 1)), "int16"),
        (np.ones((3, 3)) / 9, FEW_SUMS),  # no sum of whole numbers
        (np.full((3, 3), 17), "int16 separable"),  # sums that signed 16 bits do not hold
        (np.full((3, 3), 29), FEW_SUMS),  # sums that 16 bits do not hold
        (np.full((2, 1), -129), FEW_SUMS),
        (np.arange(81).reshape(9, 9) % 23 - 11, "banded"),  # too many passes
    ],
)
def test_kernels_of_a_few_whole_numbers_are_summed_where_samples_have_8_bits(
    rows: np.ndarray, expected: str | tuple[str, ...]
) -> None:
    given = problem(np.array(rows, np.float32))
    assert choose(given, from_bytes=True) in np.atleast_1d(expected)
    assert choose(given) in FEW_SUMS
    assert (
        choose(given._replace(window=given.window._replace(stride=(2, 1))), from_bytes=True)
        != "int16"
    )


@pytest.mark.usefixtures("machine")
@pytest.mark.parametrize(
    ("rows", "expected"),
    [
        (INTEGERS["sharpen"][0], "int32"),
        (INTEGERS["gauss"][0], FEW_SUMS),
        (np.ones((3, 3)) / 9, FEW_SUMS),  # no sum of whole numbers
        (np.full((3, 1), 10_922), "int32"),
        (np.full((3, 1), 10_923), FEW_SUMS),  # sums that 32 bits do not hold
    ],
)
def test_kernels_of_a_few_whole_numbers_are_summed_where_samples_have_16_bits(
    rows: np.ndarray, expected: str | tuple[str, ...]
) -> None:
    given = problem(np.array(rows, np.float32))
    assert choose(given, from_words=True) in np.atleast_1d(expected)
    assert choose(given) in FEW_SUMS


def test_a_method_is_kept_for_the_next_picture_of_that_size_and_filter() -> None:
    given = problem(np.float32(INTEGERS["sharpen"][0]), size=(8, 9))

    def kept(other: ConvolutionProblem, **options: bool) -> Method:
        return prepare(other, keep=True, **options)

    first = kept(given, from_bytes=True)
    assert kept(given._replace(weight=given.weight.copy()), from_bytes=True) is first
    others = [
        given._replace(weight=given.weight * 2),
        given._replace(bias=np.float32([[1]])),
        given._replace(window=given.window._replace(pad_mode="reflect")),
        given._replace(width=10),
    ]
    for other in others:
        assert kept(other, from_bytes=True) is not first
    assert kept(given) is not kept(given, from_bytes=True)
    assert kept(given, from_bytes=True) is first


def test_few_methods_are_kept() -> None:
    given = problem(dense(3, 3), size=(8, 9))
    first = prepare(given, keep=True)
    for size in range(20, 20 + dispatch.MOST_PREPARED):
        prepare(problem(dense(3, 3), size=(8, size)), keep=True)
    assert prepare(given, keep=True) is not first


@pytest.mark.usefixtures("machine")
def test_the_separable_method_is_chosen_for_separable_kernels() -> None:
    given = problem(np.outer(GAUSSIAN[8:23], GAUSSIAN[8:23]), channels=1)
    assert choose(given) == "separable"
    assert choose(given._replace(window=given.window._replace(stride=(2, 2)))) == "separable"


@pytest.mark.usefixtures("machine")
def test_exact_transforms_take_longer_and_are_chosen_for_larger_kernels() -> None:
    weight = np.random.default_rng(0).integers(-9, 10, (1, 1, 31, 31)).astype(np.float32)
    whole = problem(weight[0, 0])
    other = whole._replace(weight=whole.weight / 3)
    costs_of = {
        name: costs(size_of(given, from_bytes=True))
        for name, given in (("whole", whole), ("other", other))
    }
    assert costs_of["whole"]["fft"] > 1.5 * costs_of["other"]["fft"]
    assert costs_of["whole"]["banded"] == costs_of["other"]["banded"]
    # Samples that are floats are seldom whole numbers.
    assert costs(size_of(whole))["fft"] == costs_of["other"]["fft"]


@pytest.mark.parametrize("stride", [1, 2, 7])
@pytest.mark.parametrize("size", [(1, 1), (5, 300), (300, 5)])
@pytest.mark.parametrize("kernel", [dense(1, 1), dense(31, 31), np.ones((1, 99)), np.ones((9, 2))])
def test_the_chosen_method_computes_small_images_and_large_strides(
    kernel: np.ndarray, size: tuple[int, int], stride: int
) -> None:
    image = np.random.default_rng(0).random((1, *size))
    weight = kernel[np.newaxis, np.newaxis]
    found = conv2d(image, weight, stride=stride, pad="same", pad_mode="replicate")
    geometry = conv_geometry(size, kernel.shape, stride, "same", 1)
    columns = reference.im2col(
        reference.padded(image, geometry.pads, "replicate"), kernel.shape, (stride, stride)
    )
    expected = (weight.reshape(1, -1) @ columns).reshape(found.shape)
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-11 * kernel.size)


@pytest.mark.parametrize("name", ["conv2d", "conv_transpose2d", "conv2d_backward"])
def test_every_public_operation_uses_the_engine(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    taken: list[str] = []

    def watching(given: ConvolutionProblem, **options: bool) -> str:
        taken.append(choose(given, **options))
        return taken[-1]

    monkeypatch.setattr(dispatch, "choose", watching)
    image, weight = np.ones((1, 80, 90), np.float32), dense(1, 1, 41, 41).astype(np.float32)
    if name == "conv2d":
        conv2d(image, weight, pad="same")
    elif name == "conv_transpose2d":
        conv_transpose2d(image, weight, pad="same")
    else:
        conv2d_backward(image, image, weight, pad="same")
    assert taken == ["fft"]


def test_a_gaussian_has_rank_one_and_noise_has_full_rank() -> None:
    gaussian = np.outer(GAUSSIAN, GAUSSIAN).astype(np.float32)
    assert len(factors(gaussian)[0]) == 1
    assert len(factors(dense(7, 9).astype(np.float32))[0]) == 7
    columns, rows = factors(dense(7, 9))
    np.testing.assert_allclose(columns.T @ rows, dense(7, 9), atol=1e-12)
    assert len(factors(np.zeros((3, 3), np.float32))[0]) == 0


@pytest.mark.parametrize("threads", [2, 5])
def test_results_do_not_depend_on_the_number_of_threads(threads: int) -> None:
    image = np.random.default_rng(0).random((1, 3, 301, 257), np.float32)
    weight = dense(3, 1, 5, 5).astype(np.float32)
    window = Window.of(conv_geometry((301, 257), (5, 5), 1, "same", 1), "zeros")
    y = correlate(image, weight, window, groups=3, threads=1)
    gradients = weight_and_bias_gradients(y, image, window, 3, threads=1)
    again = correlate(image, weight, window, groups=3, threads=threads)
    np.testing.assert_array_equal(again, y)
    others = weight_and_bias_gradients(y, image, window, 3, threads=threads)
    for one, other in zip(gradients, others, strict=True):
        np.testing.assert_array_equal(other, one)


def test_an_error_in_a_thread_is_raised(monkeypatch: pytest.MonkeyPatch) -> None:
    from convcli.system.threads import share

    def make_worker():
        def work(task: int) -> None:
            if task == 3:
                raise MemoryError

        return work

    with pytest.raises(MemoryError):
        share(make_worker, range(100), 3)


@pytest.mark.parametrize("method", FOR_FLOATS)
def test_a_convolution_leaves_no_circles_in_memory(
    method: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Their buffers would stay until the garbage collector runs: megabytes for each call."""
    made = []

    class Recorded(METHODS[method]):
        def __init__(self, problem: ConvolutionProblem) -> None:
            super().__init__(problem)
            made.append(weakref.ref(self))

    monkeypatch.setitem(METHODS, method, Recorded)
    monkeypatch.setattr(dispatch, "choose", lambda *_, **__: method)
    x, kernel = np.ones((1, 70, 80), np.float32), np.full((1, 1, 5, 5), 0.1, np.float32)
    gc.collect()
    gc.disable()
    try:
        conv2d(x, kernel)
        assert [reference() for reference in made] == [None]
    finally:
        gc.enable()


def test_float_passes_take_profiles_apart_unless_terms_cancel_out() -> None:
    binomial = [1.0, 4, 6, 4, 1]
    in_pairs = problem(np.outer(binomial, binomial) / 256)
    assert [len(steps) for steps in steps_of(in_pairs)[0]] == [1] * 9  # the last is by 1/256
    cancels = np.convolve(binomial, [1, -4, 6, -4, 1])
    assert len(steps_of(problem(cancels[np.newaxis]))[0]) == 1


@pytest.mark.parametrize("block", [1, 300, 1 << 17])
@pytest.mark.parametrize("value", [np.inf, -np.inf, np.nan, 3e38])
def test_float_passes_spread_an_infinity_no_further_than_the_kernel_reaches(
    value: float, block: int
) -> None:
    weight = np.outer([0.25, 0.5, 0.25], [1, 0, 0, 2, 1]).astype(np.float32)
    given = problem(weight, channels=1, size=(23, 17))
    image = np.random.default_rng(0).random((1, 23, 17), np.float32)
    image[0, 7, 9] = image[0, 15, 3] = image[0, 15, 4] = value
    found, expected = (np.empty((1, 23, 17), np.float32) for _ in range(2))
    FloatPasses(given, block).rows(image, found, 0, 0, 23)
    dispatch.METHODS["direct"](given).rows(image, expected, 0, 0, 23)
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("method", [name for name in FOR_FLOATS if name != "decimated"])
def test_methods_write_filters_that_are_spread_over_several_axes(method: str) -> None:
    """A transposed convolution has its phases there. The rows take more than one block."""
    given = problem(np.outer([0.25, 0.5, 0.25], [1, 0, 2]), channels=1, size=(300, 900))
    image = np.random.default_rng(0).random((1, 1, 300, 900), np.float32)
    found, expected = np.empty((1, 1, 1, 1, 300, 900), np.float32), np.empty_like(image)
    prepared = METHODS[method](given)
    dispatch.run(prepared, image, found)
    dispatch.run(METHODS["direct"](given), image, expected)
    np.testing.assert_allclose(found[:, 0, 0], expected, rtol=1e-5, atol=1e-6)
