"""The model of a blurred picture: K, the convolution of the scene with a kernel, and its transpose.

The scene goes on outside the frame. What the frame shows near its border was blurred from samples
beyond it, so the unknown scene is the larger image whose "valid" convolution the picture is::

      scene      (H + Hf - 1, W + Wf - 1)      unknown
      observed   (H, W)                        each sample is a sum over Hf × Wf of the scene

Where it is known how the scene went on (the picture was made by a convolution with that pad mode),
the scene has the size of its frame, and K pads it first.
"""

from __future__ import annotations

import numpy as np

from convcli.deconvolution.gain import Gain
from convcli.deconvolution.regularization import best_regularization
from convcli.kernel.arrays import FloatArray
from convcli.kernel.engine.dispatch import prepare, run
from convcli.kernel.engine.problem import ConvolutionProblem
from convcli.kernel.factors import Factors, Weight
from convcli.kernel.geometry import Geometry
from convcli.kernel.padding import pad_adjoint, source_index
from convcli.kernel.transpose import PreparedTranspose
from convcli.kernel.window import Window


class BlurModel:
    """K and its transpose, prepared once for pictures of one size; arrays are (channels, H, W).

    ``kernel`` is (F, C/groups, Hf, Wf), of the dtype to compute in: K maps C channels to F.
    ``geometry`` has the observed picture as its ``output`` and the result as its ``image``.
    ``scene_shape`` (C, H, W) is that of the unknown, ``observed_shape`` (F, H, W) the picture's.
    """

    def __init__(
        self, kernel: Weight, geometry: Geometry, pad_mode: str | None = None, groups: int = 1
    ) -> None:
        model = geometry.without_pads() if pad_mode is None else geometry
        window = Window.of(model, pad_mode or "zeros")
        by_group = kernel
        if not isinstance(kernel, Factors):
            by_group = kernel.reshape(groups, -1, *kernel.shape[1:])
        problem = ConvolutionProblem(by_group, None, window, model.image[1])
        self._convolution = prepare(problem, keep=True)
        # The transpose of zero padding crops; that of the other modes adds borders up.
        self._folds = pad_mode not in (None, "zeros")
        unpadded = model.without_pads() if self._folds else model
        self._transpose = PreparedTranspose(kernel, unpadded, groups)
        self._kernel = kernel
        self._geometry, self._model, self._pad_mode = geometry, model, pad_mode
        gain = Gain.of(kernel, groups)
        inverse, lost = (values.astype(kernel.dtype) for values in gain.inverse())
        self._inverse, self._lost = inverse, lost[:, np.newaxis, np.newaxis]
        self._centroid = gain.centroid
        self.scene_shape = groups * kernel.shape[1], *model.image
        self.observed_shape = kernel.shape[0], *model.output

    def blurred(self, scene: FloatArray) -> FloatArray:
        """Return K ``scene``."""
        observed = np.empty((1, *self.observed_shape), scene.dtype)
        run(self._convolution, scene[np.newaxis], observed)
        result: FloatArray = observed[0]
        return result

    def transposed(self, observed: FloatArray) -> FloatArray:
        """Return the transpose of K, applied to ``observed``."""
        scene: FloatArray = self._transpose.whole(observed[np.newaxis])[0]
        if self._folds:
            assert self._pad_mode is not None
            return pad_adjoint(scene, self._geometry.pads, self._pad_mode)
        return scene

    def first_estimate(self, observed: FloatArray) -> FloatArray:
        """Return the picture as a scene of the same mean: divided by the gain, borders repeated.

        Each sample is placed where the kernel's centre of weight is.
        A kernel that mixes channels has a matrix as its gain, whose pseudo-inverse is taken.
        """
        rows, columns = (self._positions(axis) for axis in (0, 1))
        extended = observed[:, rows[:, np.newaxis], columns]
        if self._inverse.size == 1:
            extended *= self._inverse[0, 0]
        else:
            extended = np.tensordot(self._inverse, extended, 1)
        if self._lost.any():
            extended += self._lost
        return extended

    def flat_scene(self, observed: FloatArray) -> FloatArray | None:
        """Return the result (C, H, W) for a picture of one value in each channel; else None."""
        lowest, highest = observed.min((1, 2)), observed.max((1, 2))
        if (lowest < highest).any() or self._pad_mode == "zeros":
            return None
        scene = np.empty((len(self._inverse), *self._geometry.image), observed.dtype)
        scene[...] = (self._inverse @ lowest)[:, np.newaxis, np.newaxis] + self._lost
        return scene

    def within_frame(self, scene: FloatArray) -> FloatArray:
        """Return the part of a scene that is the result."""
        if self._pad_mode is not None:
            return scene
        top, left, _, _ = self._geometry.pads
        height, width = self._geometry.image
        return scene[:, top : top + height, left : left + width]

    def best_regularization(self, observed: FloatArray) -> float:
        """Return Tikhonov's λ for a picture (1, H, W) and a kernel of one channel."""
        centre = self._centre(0), self._centre(1)
        gain = float(self._inverse.item())
        return best_regularization(self._kernel, self._model.dilation, centre, gain, observed[0])

    def _centre(self, axis: int) -> int:
        """Return the row or column of the scene, of those under the kernel, that is its middle."""
        return round(self._centroid[axis] * self._model.dilation[axis])

    def _positions(self, axis: int) -> np.ndarray[tuple[int], np.dtype[np.intp]]:
        """Return, for each row or column of the scene, the nearest one of the picture."""
        model = self._model
        first = model.pads[axis] - self._centre(axis)
        size = model.output[axis]
        return source_index(first, first + model.image[axis], size, "replicate")
