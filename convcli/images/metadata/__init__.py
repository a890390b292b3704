"""Metadata: read from one format, and written to another in that one's own form.

A picture has it as a mapping with these keys, each only if the file has it:

- ``icc_profile``, ``exif``, ``xmp``, ``iptc``: bytes; ``exif`` without orientation, preview and
  the tags that :mod:`convcli.images.metadata.exif_tags` lists, ``iptc`` the records alone;
- ``left_out``: what reading has left out, in words;
- ``page_profiles``: of a TIFF whose pages differ, each page's ``icc_profile`` or None;
- ``dpi``: (x, y); ``comment``: text, of GIF, JPEG, JPEG 2000 and PNG;
- ``text``: {keyword: text} of PNG; ``chunks``: PNG's colour chunks, as (type, data);
- ``durations``: milliseconds of each frame; ``plays``: how often an animation plays, 0 for ever;
- ``has_poster``: the first frame is APNG's default image, a still that is not in the animation;
- ``compression``: of TIFF; ``lossless``: of WebP; ``subsampling``: of JPEG, as Pillow numbers it;
  ``progressive``, ``qtables``: of JPEG. These are ways of encoding, which a result keeps;
- ``exr``: of OpenEXR, the names of channels, their type and other attributes.
"""
