"""A blur by a library in a few lines: METHOD SIZE SOURCE TARGET."""

import sys


def by_pillow(sigma: float, source: str, target: str) -> None:
    """Blur by Pillow, which approximates a Gaussian by boxes."""
    from PIL import Image, ImageFilter

    with Image.open(source) as image:
        image.filter(ImageFilter.GaussianBlur(sigma)).save(target, quality=75)


def by_opencv(method: str, size: float, source: str, target: str) -> None:
    """Blur by OpenCV: a Gaussian, a box, or a disk."""
    import cv2
    import numpy as np

    picture, border = cv2.imread(source), cv2.BORDER_REPLICATE
    if method == "gaussian":
        taps = 2 * int(4 * size + 0.5) + 1
        result = cv2.GaussianBlur(picture, (taps, taps), size, borderType=border)
    elif method == "box":
        result = cv2.blur(picture, (int(size), int(size)), borderType=border)
    else:
        reach = np.arange(-int(size), int(size) + 1)
        disk = (np.hypot(reach[:, np.newaxis], reach) <= size + 0.25).astype(np.float32)
        result = cv2.filter2D(picture, -1, disk / disk.sum(), borderType=border)
    cv2.imwrite(target, result, [cv2.IMWRITE_JPEG_QUALITY, 75])


if __name__ == "__main__":
    name, number, *files = sys.argv[1:]
    if name == "pillow":
        by_pillow(float(number), *files)
    else:
        by_opencv(name, float(number), *files)
