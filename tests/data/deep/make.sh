#!/bin/sh
# A picture of 16-bit RGB, drawn by tests/test_deep_files.py, as other tools write it. To make the
# files again: sh make.sh, with libvips 8.14, ImageMagick 6.9, ffmpeg and the Python of the tests on the PATH.
set -eu
cd "$(dirname "$0")"
python3 ../../test_deep_files.py before.png
vips copy before.png 'lzw.tif[compression=lzw,predictor=horizontal]'
vips copy before.png 'tiles.tif[compression=deflate,predictor=horizontal,tile,tile-width=16,tile-height=16,bigtiff]'
convert before.png -endian MSB -compress lzw lzw-big-endian.tif
convert before.png -endian MSB -compress zip -define tiff:predictor=2 zip-big-endian.tif
convert before.png -interlace PNG interlaced.png
vips copy before.png lossless.jp2[lossless]
ffmpeg -v error -y -i before.png -pix_fmt yuv444p10le -c:v libaom-av1 -still-picture 1 -crf 30 ten-bits.avif
rm before.png
