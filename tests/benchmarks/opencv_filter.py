"""The five lines that filter pictures with OpenCV: KERNEL TARGET METHOD SOURCE...

METHOD is filter2D, or sepFilter2D with a kernel of one row.
"""

import sys
from pathlib import Path

import cv2
import numpy as np

# What a plain imwrite does, but for quality 75, and TIFF as the other tools write it.
OPTIONS = [cv2.IMWRITE_JPEG_QUALITY, 75, cv2.IMWRITE_TIFF_COMPRESSION, 1]

kernel = np.loadtxt(sys.argv[1], dtype=np.float32)
target = Path(sys.argv[2])
for source in sys.argv[4:]:
    picture = cv2.imread(source)
    if sys.argv[3] == "sepFilter2D":
        result = cv2.sepFilter2D(picture, -1, kernel, kernel, borderType=cv2.BORDER_REPLICATE)
    else:
        result = cv2.filter2D(picture, -1, kernel, borderType=cv2.BORDER_REPLICATE)
    file = target / Path(source).name if target.is_dir() else target
    end = file.suffix
    chosen = OPTIONS[:2] if end == ".jpg" else OPTIONS[2:] if end == ".tif" else []
    cv2.imwrite(str(file), result, chosen)
