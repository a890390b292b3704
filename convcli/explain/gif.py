"""An animation as GIF, drawn with Pillow, in light colours with a frame, for any page."""

from __future__ import annotations

from io import BytesIO
from typing import Any

from PIL import Image, ImageDraw, ImageFont

from convcli.explain.drawing import Film, Frame, Label, Rectangle
from convcli.explain.palette import TONES
from convcli.images.labels import SPELLED, font

_PLAIN = str.maketrans("₀₁₂₃₄₅₆₇₈₉", "0123456789")

_ANCHORS = {"start": "ls", "middle": "ms", "end": "rs"}


def gif_bytes(film: Film, milliseconds: int) -> bytes:
    """Return the frames as a GIF that loops, with a duration for each, three times for the last."""
    images = [_drawn(film, frame) for frame in film.frames]
    # One palette, from the frame with most shapes, so that colours do not flicker.
    palette = images[-1].quantize(128, dither=Image.Dither.NONE)
    indexed = [image.quantize(palette=palette, dither=Image.Dither.NONE) for image in images]
    durations = [milliseconds] * (len(images) - 1) + [3 * milliseconds]
    buffer = BytesIO()
    indexed[0].save(
        buffer,
        "GIF",
        save_all=True,
        append_images=indexed[1:],
        duration=durations if len(images) > 1 else durations[0],
        loop=0,
        optimize=True,
        comment=film.title.encode("ascii", "replace"),
    )
    return buffer.getvalue()


def _drawn(film: Film, frame: Frame) -> Image.Image:
    image = Image.new("RGB", (film.width, film.height), TONES["page"].light)
    draw = ImageDraw.Draw(image)
    for shape in frame.shapes:
        if isinstance(shape, Rectangle):
            _rectangle(draw, shape)
        else:
            _label(draw, shape)
    return image


def _rectangle(draw: ImageDraw.ImageDraw, shape: Rectangle) -> None:
    left, top = round(shape.x - 0.5), round(shape.y - 0.5)
    right, bottom = left + round(shape.width), top + round(shape.height)
    fill, stroke = TONES[shape.fill].light, TONES[shape.stroke].light
    thickness = round(shape.thickness)
    if not shape.dashed or thickness > 1:
        draw.rectangle((left, top, right, bottom), fill, stroke, thickness)
        return
    draw.rectangle((left, top, right, bottom), fill)
    for start in range(left, right, 6):
        end = min(start + 2, right)
        draw.line((start, top, end, top), stroke)
        draw.line((start, bottom, end, bottom), stroke)
    for start in range(top, bottom, 6):
        end = min(start + 2, bottom)
        draw.line((left, start, left, end), stroke)
        draw.line((right, start, right, end), stroke)


def _label(draw: ImageDraw.ImageDraw, shape: Label) -> None:
    colour = TONES[shape.colour].light
    text = shape.text.translate(_PLAIN).translate(SPELLED)
    face = font(shape.size)
    if face is None:  # the bitmap font has one size, and no anchors
        bitmap: Any = ImageFont.load_default()
        text = text.replace("…", "...").encode("latin-1", "replace").decode("latin-1")
        width = bitmap.getlength(text)
        shift = {"start": 0.0, "middle": width / 2, "end": width}[shape.anchor]
        draw.text((shape.x - shift, shape.y - 9), text, colour, bitmap)
        return
    draw.text(
        (shape.x, shape.y),
        text,
        colour,
        face,
        anchor=_ANCHORS[shape.anchor],
        # The font has one weight; a stroke would close the counters of small letters.
        stroke_width=0.35 if shape.bold and shape.size > 14 else 0,
        stroke_fill=colour,
    )
