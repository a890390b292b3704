"""What a file says beside its pixels: taken from one format, and handed to another as it wants it.

Between the two it is a mapping with these keys, each only where the file has it:

- ``icc_profile``, ``exif``, ``xmp``, ``iptc``: bytes; ``exif`` without orientation, preview and
  what :mod:`convcli.images.metadata.exif_tags` lists, ``iptc`` its records alone;
- ``left_out``: in words, what has been left out already;
- ``page_profiles``: of a TIFF whose pages differ, each page's ``icc_profile`` or None;
- ``dpi``: (x, y); ``comment``: text, of GIF, JPEG, JPEG 2000 and PNG;
- ``text``: {keyword: text} of PNG, ``chunks``: what PNG says of colour, ready to be written;
- ``durations``: milliseconds of each frame; ``plays``: how often an animation runs, 0 for ever;
- ``has_poster``: the first frame stands in for an animation that it is not part of (APNG);
- ``compression``: of TIFF; ``lossless``: of WebP; ``subsampling``: of JPEG, as Pillow numbers it;
  ``progressive``: of JPEG. These tell how, not what.
"""
