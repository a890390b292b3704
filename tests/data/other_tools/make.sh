#!/bin/sh
# Makes the pictures of this folder with other tools; run once, with libvips 8.14.1,
# GraphicsMagick 1.3.40, ImageMagick 6.9.11 and Pillow 13.0.0, in the root of the clone.
set -eu
here=tests/data/other_tools
python3 -c '
import numpy as np
from PIL import Image
picture = Image.open("sample_images/landscape.jpg").convert("L").crop((420, 300, 580, 420))
grain = np.random.default_rng(0).integers(-40, 41, (120, 160))  # detail of every frequency
noisy = np.clip(np.asarray(picture, int) + grain, 0, 255).astype(np.uint8)
Image.fromarray(noisy).save("'$here'/before.png", optimize=True)'
printf '3 3 16 0\n1 2 1\n2 4 2\n1 2 1\n' > blur.mat
vips conv $here/before.png $here/vips-conv.png blur.mat
gm convert $here/before.png -convolve 0,-1,0,-1,5,-1,0,-1,0 $here/gm-convolve.png
gm convert $here/before.png -blur 0x2 $here/gm-blur.png
convert $here/before.png -sharpen 0x1 $here/convert-sharpen.png
rm blur.mat
for name in SMOOTH EDGE_ENHANCE FIND_EDGES; do
    python3 -c '
from PIL import Image, ImageFilter
before = Image.open("'$here'/before.png")
before.filter(ImageFilter.'$name').save("'$here'/pillow-'$name'.png", optimize=True)'
done
