"""A picture enlarged by a library in a few lines: METHOD SCALE SOURCE TARGET.

METHOD is a name of Pillow's, or ``opencv-`` and that.
"""

import sys

OPENCV = {"nearest": "NEAREST", "bilinear": "LINEAR", "bicubic": "CUBIC", "lanczos": "LANCZOS4"}


def by_pillow(method: str, scale: int, source: str, target: str) -> None:
    """Enlarge by Pillow."""
    from PIL import Image

    with Image.open(source) as image:
        size = image.width * scale, image.height * scale
        image.resize(size, Image.Resampling[method.upper()]).save(target, quality=75)


def by_opencv(method: str, scale: int, source: str, target: str) -> None:
    """Enlarge by OpenCV."""
    import cv2

    picture = cv2.imread(source, cv2.IMREAD_UNCHANGED)
    height, width = picture.shape[:2]
    how = getattr(cv2, f"INTER_{OPENCV[method]}")
    result = cv2.resize(picture, (width * scale, height * scale), interpolation=how)
    cv2.imwrite(target, result, [cv2.IMWRITE_JPEG_QUALITY, 75])


if __name__ == "__main__":
    name, factor, *files = sys.argv[1:]
    if name.startswith("opencv-"):
        by_opencv(name.removeprefix("opencv-"), int(factor), *files)
    else:
        by_pillow(name, int(factor), *files)
