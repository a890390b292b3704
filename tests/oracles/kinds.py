"""Prints what SciPy and OpenCV compute for kinds of filters, as JSON: kinds.json beside it.

    python tests/oracles/kinds.py > tests/oracles/kinds.json

Each case: the kind and its parameters, as ``-f`` takes them, and the weights, by rows.
"""

import json

import cv2
import numpy as np
import scipy
from scipy import ndimage, signal


def impulse_response(function, radius):
    """Return the kernel of a symmetric linear filter: what it makes of a single 1."""
    image = np.zeros((2 * radius + 1,) * 2)
    image[radius, radius] = 1
    return function(image)


def gabor(radius, sigma, theta, wavelength, aspect, phase):
    """Return OpenCV's kernel; its angles turn clockwise, and its phase runs the other way."""
    turn, shift = np.radians(-theta), np.radians(-phase)
    size = (2 * radius + 1,) * 2
    return cv2.getGaborKernel(size, sigma, turn, wavelength, aspect, shift, cv2.CV_64F)


def deriv(size):
    """Return OpenCV's Sobel kernel for the x derivative: its profiles multiplied."""
    along, across = cv2.getDerivKernels(1, 0, size, ktype=cv2.CV_64F)
    return np.outer(across, along)


def firwin(taps, cutoff, window):
    profile = signal.firwin(taps, cutoff, window=window)
    return np.outer(profile, profile)


CASES = {
    "gaussian:sigma=1.3": impulse_response(
        lambda image: ndimage.gaussian_filter(image, 1.3, mode="constant"), 5
    ),
    "gaussian:sigma=2,sigma-y=0.7,truncate=3": ndimage.gaussian_filter(
        np.pad([[1.0]], ((2, 2), (6, 6))), (0.7, 2), mode="constant", truncate=3
    ),
    "savgol:size=7,degree=2": signal.savgol_coeffs(7, 2, use="dot")[None],
    "savgol:size=9,degree=4,derivative=1,axis=y": signal.savgol_coeffs(9, 4, 1, use="dot")[:, None],
    "savgol:size=11,degree=5,derivative=2,axis=x": signal.savgol_coeffs(11, 5, 2, use="dot")[None],
    "lowpass:cutoff=0.25,taps=11": firwin(11, 0.25, "hamming"),
    "lowpass:cutoff=0.4,taps=7,window=hann": firwin(7, 0.4, "hann"),
    "lowpass:cutoff=0.4,taps=7,window=blackman": firwin(7, 0.4, "blackman"),
    "lowpass:cutoff=0.3,taps=9,window=kaiser,beta=5": firwin(9, 0.3, ("kaiser", 5)),
    "log:sigma=1.4": impulse_response(
        lambda image: ndimage.gaussian_laplace(image, 1.4, mode="constant"), 6
    ),
    "sobel:size=3,angle=0": deriv(3),
    "sobel:size=5,angle=0": deriv(5),
    "sobel:size=7,angle=0": deriv(7),
    "scharr:angle=0": deriv(cv2.FILTER_SCHARR),
    "gabor:sigma=2,wavelength=5,size=9": gabor(4, 2, 0, 5, 1, 0),
    "gabor:sigma=2,wavelength=5,angle=30,aspect=0.5,phase=25,size=11": gabor(5, 2, 30, 5, 0.5, 25),
    "gabor:sigma=1.5,wavelength=4,angle=115,phase=90": gabor(4, 1.5, 115, 4, 1, 90),
}

lines = [f"  {json.dumps(name)}: {json.dumps(rows.tolist())}" for name, rows in CASES.items()]
versions = f"SciPy {scipy.__version__}, OpenCV {cv2.__version__}"
about = f"python tests/oracles/kinds.py > tests/oracles/kinds.json ({versions})"
print(f'{{\n  "made by": {json.dumps(about)},\n' + ",\n".join(lines) + "\n}")
