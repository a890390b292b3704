"""The five lines that filter pictures with OpenCV: KERNEL TARGET METHOD SOURCE...

METHOD is filter2D, or sepFilter2D with a kernel of one row; "raw" after it writes a TIFF as the
other tools do, where a plain imwrite compresses it.
"""

import sys
from pathlib import Path

import cv2
import numpy as np

JPEG, RAW_TIFF = [cv2.IMWRITE_JPEG_QUALITY, 75], [cv2.IMWRITE_TIFF_COMPRESSION, 1]

kernel = np.loadtxt(sys.argv[1], dtype=np.float32)
target = Path(sys.argv[2])
for source in sys.argv[4:]:
    picture = cv2.imread(source, cv2.IMREAD_COLOR | cv2.IMREAD_ANYDEPTH)
    if sys.argv[3].startswith("sep"):
        result = cv2.sepFilter2D(picture, -1, kernel, kernel, borderType=cv2.BORDER_REPLICATE)
    else:
        result = cv2.filter2D(picture, -1, kernel, borderType=cv2.BORDER_REPLICATE)
    file = target / Path(source).name if target.is_dir() else target
    raw = RAW_TIFF if sys.argv[3].endswith("raw") else []
    cv2.imwrite(str(file), result, JPEG if file.suffix == ".jpg" else raw)
