"""Draw the sample pictures beside this file; every run gives the same pictures."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw, ImageFilter, ImageFont

Floats = npt.NDArray[np.float64]
Rng = np.random.Generator
HERE = Path(__file__).resolve().parent
WIDE, HIGH = 1536, 1024  # the landscape is drawn at twice its size, then reduced
HORIZON, FOCAL = 452, 1300.0  # the row of eye level, and the focal length in pixels
GRID, CELL, NEAR = 2048, 0.13, 34.0  # the terrain: cells a side, size of a cell, nearest depth


def colour(red: int, green: int, blue: int) -> Floats:
    """A colour as three numbers from 0 to 1."""
    return np.array([red, green, blue], dtype=np.float64) / 255


def mix(first: Floats, second: Floats, share: Floats) -> Floats:
    """Blend two colours (or pictures) by a plane of shares from 0 to 1."""
    return first + (second - first) * share[..., None]


def ramp(values: Floats, low: float, high: float) -> Floats:
    """Rise smoothly from 0 at low to 1 at high."""
    t = np.clip((values - low) / (high - low), 0, 1)
    return np.asarray(t * t * (3 - 2 * t), dtype=np.float64)


def noise(
    rng: Rng, high: int, wide: int, cell: tuple[float, float], octaves: int, ridged: bool = False
) -> Floats:
    """Fractal noise about 0, its widest features `cell` (rows, columns) pixels across."""
    total = np.zeros((high, wide))
    for octave in range(octaves):
        rows = max(2, round(high * 2**octave / cell[0]))
        columns = max(2, round(wide * 2**octave / cell[1]))
        coarse = Image.fromarray(rng.standard_normal((rows, columns)).astype(np.float32))
        layer = np.asarray(coarse.resize((wide, high), Image.Resampling.BICUBIC), dtype=np.float64)
        total += 0.5**octave * (0.7 - np.abs(layer) if ridged else layer)
    return total


def sample(plane: Floats, row: Floats, column: Floats) -> Floats:
    """Read a plane between its pixels (bilinear), holding its edges."""
    row = np.clip(row, 0, plane.shape[0] - 1.001)
    column = np.clip(column, 0, plane.shape[1] - 1.001)
    i, j = row.astype(np.intp), column.astype(np.intp)
    a, b = row - i, column - j
    top = plane[i, j] * (1 - b) + plane[i, j + 1] * b
    return np.asarray(top * (1 - a) + (plane[i + 1, j] * (1 - b) + plane[i + 1, j + 1] * b) * a)


def terrain(rng: Rng) -> tuple[Floats, Floats]:
    """Heights of the land (depth by width; under 0 is lake), and its colours in the sun."""
    z = NEAR + CELL * np.arange(GRID)[:, None]
    x = CELL * (np.arange(GRID)[None, :] - GRID / 2)
    inland = z - 44 - 2 * np.tanh(noise(rng, 1, GRID, (1, 300), 5))
    peaks = 0.8 + 0.75 * noise(rng, GRID, GRID, (700, 520), 9, ridged=True)
    peaks += 1.5 * np.exp(-(((x - 34) / 26) ** 2) - ((z - 190) / 40) ** 2)
    peaks += 0.9 * np.exp(-(((x + 70) / 30) ** 2) - ((z - 200) / 45) ** 2)
    hills = 1.0 + 0.6 * noise(rng, GRID, GRID, (260, 330), 7) + ((x + 8) / 32) ** 2
    land = 18 * np.clip(peaks, 0, None) * ramp(z + 0 * x, 95, 200)
    land += 2.4 * np.clip(hills, 0.1, None) * ramp(inland, 0, 45) + np.clip(0.1 * inland, -2, 0.3)
    slope = np.hypot(*np.gradient(land, CELL))
    wood = ramp(noise(rng, GRID, GRID, (130, 130), 5) - land / 7, -2.4, -1.4)
    wood *= ramp(inland, 0.6, 1.5) * (1 - ramp(slope, 0.9, 1.4)) * (1 - ramp(land, 9, 13))
    sprout = np.where(rng.random(land.shape) < 0.06 * wood, rng.uniform(0.5, 1.7, land.shape), 0)
    sprout[-4:] = 0
    trees = np.zeros_like(land)
    for dz in range(-3, 4):
        for dx in range(-3, 4):
            cone = np.roll(sprout, (dz, dx), (0, 1)) * (1 - (math.hypot(dz, dx) / 4.3) ** 0.7)
            np.maximum(trees, cone, out=trees)
    full = land + trees
    to_z, to_x = np.gradient(full, CELL)
    light = np.clip((0.86 * to_x + 0.45 + 0.22 * to_z) / np.sqrt(1 + to_x**2 + to_z**2), 0, 1)
    beam = full + 0.5 * x  # the sun is low on the left: what towers over the beam shades it
    light *= ramp(beam - np.maximum.accumulate(beam, 1), -1.5, 0)
    grain = noise(rng, GRID, GRID, (30, 30), 4)
    paint = mix(colour(150, 160, 84), colour(112, 124, 62), ramp(grain, -1, 1))
    rock = mix(colour(96, 84, 80), colour(142, 130, 118), ramp(grain, -1.2, 1.2))
    paint = mix(paint, rock, ramp(slope + land / 14 + 0.15 * grain, 1.2, 1.8))
    snow = ramp(land + 3 * grain, 13, 21) * (1 - ramp(slope + 0.2 * grain, 0.75, 1.35))
    paint = mix(paint, colour(250, 250, 255), snow)
    leaves = mix(colour(46, 70, 38), colour(96, 110, 48), ramp(grain, -1, 2))
    paint = mix(paint, leaves, ramp(trees, 0, 0.2))
    ambient, sunlight = colour(84, 102, 140), colour(300, 258, 205)
    return full, paint * mix(ambient, sunlight, light)


def view(land: Floats, paint: Floats, sky: Floats, eye: float) -> tuple[Floats, Floats]:
    """The sky with the land before it as seen from a height, and which pixels show the lake."""
    depths = NEAR * np.geomspace(1, 1 + GRID * CELL / NEAR, 1600)[:, None]
    across = (np.arange(WIDE) - WIDE / 2)[None, :] / FOCAL
    heights = sample(land, (depths - NEAR) / CELL + 0 * across, depths * across / CELL + GRID / 2)
    reach = np.maximum.accumulate(FOCAL * (heights - eye) / depths, 0)
    up = HORIZON - np.arange(HIGH, dtype=np.float64)
    first = np.stack([np.searchsorted(column, up) for column in reach.T], 1)
    depth = depths[np.minimum(first, len(depths) - 1), 0]
    row, column = (depth - NEAR) / CELL, depth * across / CELL + GRID / 2
    ground = np.stack([sample(paint[..., band], row, column) for band in range(3)], -1)
    haze = mix(colour(226, 206, 190), colour(158, 184, 214), ramp(depth, 60, 260))
    ground = mix(ground, haze, 0.8 * (1 - np.exp(-np.clip(depth - 40, 0, None) / 210)))
    ground = mix(ground, sky, (first == len(depths)).astype(np.float64))
    return ground, (sample(land, row, column) < 0).astype(np.float64)


def heaven(rng: Rng) -> Floats:
    """A sky that pales to the horizon, with clouds that shrink towards it, lit from the left."""
    y = np.arange(HIGH)[:, None] + np.zeros(WIDE)
    high = np.clip((HORIZON - y) / HORIZON, 0, 1)
    sky = mix(colour(250, 222, 190), colour(150, 186, 220), ramp(high, 0.0, 0.5))
    sky = mix(sky, colour(52, 104, 172), ramp(high, 0.3, 1.1))
    far = 1 / (high + 0.22)
    row, column = 330 * far, GRID / 2 + (np.arange(WIDE) - WIDE / 2) * far * 0.55
    puffs = noise(rng, GRID, GRID, (250, 420), 8)
    dense = sample(puffs, row, column)
    lit = dense - sample(puffs, row + 16, column - 30)
    cloud = mix(colour(176, 180, 200), colour(255, 248, 236), ramp(lit - 0.2 * dense, -0.6, 0.5))
    return mix(sky, cloud, 0.97 * ramp(dense, -0.1, 1.3))


def lake(rng: Rng, mirrored: Floats) -> Floats:
    """The mirrored view, shaken by ripples that grow towards the viewer, over deep water."""
    y = np.arange(HIGH)[:, None] + np.zeros(WIDE)
    below = np.clip(y - HORIZON, 1, None)
    waves = noise(rng, GRID, GRID, (14, 90), 5)
    row, column = 40000 / below, GRID / 2 + (np.arange(WIDE) - WIDE / 2) * 400 / below
    shake = sample(waves, np.mod(row * 6, GRID - 2), np.mod(column, GRID - 2))
    source = np.clip(2 * HORIZON - y + shake * (2 + below * 0.05), 0, HIGH - 1)
    aside = np.arange(WIDE) + shake * 2
    water = np.stack([sample(mirrored[..., band], source, aside) for band in range(3)], -1)
    murk = 0.16 + 0.4 * ramp(below, 60, 480) - 0.05 * np.tanh(shake)
    water = mix(water, colour(22, 58, 70), murk)
    breeze = ramp(noise(rng, HIGH, WIDE, (26, 900), 4), 0.7, 2.2)
    return mix(water, colour(190, 206, 220), 0.35 * breeze * (1 - ramp(below, 60, 220)))


def pine(draw: ImageDraw.ImageDraw, rng: Rng, x: float, foot: float, tall: float) -> None:
    """A conifer of drooping boughs with hanging needles, brighter to the left."""
    draw.line([(x, foot), (x, foot - tall * 0.98)], fill=(36, 38, 30), width=2 + round(tall / 99))
    for share in np.sort(rng.uniform(0.02, 0.93, round(tall * 1.3))):
        y, side = foot - tall * (1 - share), rng.uniform(-1, 1)
        bough = side * tall * 0.21 * share**0.8 * rng.uniform(0.6, 1.25)
        glow = rng.uniform(0, 0.6) ** 1.5 + (0.5 * max(-side, 0) + 0.1)
        fill = (round(14 + 74 * glow), round(28 + 70 * glow), round(20 + 20 * glow))
        for t in np.linspace(-0.15, 1, 4 + round(abs(bough) / 4)):
            at = (x + bough * t, y + abs(bough) * 0.42 * abs(t) ** 1.5)
            tip = (
                at[0] + rng.normal(bough * 0.06, 1 + 4 * share),
                at[1] + rng.uniform(3, 6 + tall / 55),
            )
            draw.line([at, tip], fill=fill, width=2)


def shore(picture: Image.Image, rng: Rng) -> None:
    """The near bank: pines at both sides, and a meadow of single blades and flowers."""
    draw = ImageDraw.Draw(picture)
    x = np.arange(WIDE)
    bank = 905 - 60 * np.cos(x / WIDE * 5.6 + 0.9) + 9 * noise(rng, 1, WIDE, (1, 260), 5)[0]
    edge = zip(x.tolist(), bank.tolist(), strict=True)
    draw.polygon([(0, HIGH), *edge, (WIDE, HIGH)], (52, 58, 26))
    for at, tall in ((1300, 330), (1475, 470), (1390, 600), (60, 300), (1210, 190), (150, 200)):
        pine(draw, rng, at, bank[at] + 22, tall)
    patch = noise(rng, HIGH, WIDE, (90, 260), 4)
    for deep in np.sort(rng.uniform(0, 1, 15000) ** 0.8):
        left = int(rng.integers(WIDE))
        foot = bank[left] + deep * (HIGH + 50 - bank[left])
        tall = (7 + 46 * deep) * rng.uniform(0.6, 1.3)
        lean = rng.normal(0.15, 0.3) * tall
        lush = patch[min(int(foot), HIGH - 1), left]
        glow = float(np.clip(0.6 + 0.17 * lush + rng.normal(0, 0.22), 0, 1.4))
        fill = (round(44 + 120 * glow), round(56 + 104 * glow), round(24 + 36 * glow))
        x1, y1 = left + lean, foot - tall
        path = [(left, foot), (left + lean * 0.3, foot - tall * 0.6), (x1, y1)]
        draw.line(path, fill=fill, width=2 + round(2 * deep))
        if rng.random() < 0.045 + 0.03 * lush:
            r = 1.5 + 5 * deep
            petal = ("#eee8f0", "#e8be46", "#b078c4")[int(rng.integers(3))]
            draw.ellipse((x1 - r, y1 - r * 0.7, x1 + r, y1 + r * 0.7), petal)


def landscape() -> None:
    """A photograph-like scene, a little soft: for sharpening, blurring and finding edges."""
    rng = np.random.default_rng(7)
    sky = heaven(rng)
    land, paint = terrain(rng)
    scene, wet = view(land, paint, sky, 1.0)
    mirrored, _ = view(land, paint, sky, -1.0)
    scene = mix(scene, lake(rng, mirrored), wet)
    picture = Image.fromarray(np.clip(scene * 255, 0, 255).astype(np.uint8))
    shore(picture, rng)
    picture = picture.resize((WIDE // 2, HIGH // 2), Image.Resampling.BOX)
    pixels = np.asarray(picture.filter(ImageFilter.GaussianBlur(0.7)), dtype=np.float64) / 255
    y, x = np.mgrid[-1 : 1 : HIGH // 2 * 1j, -1 : 1 : WIDE // 2 * 1j]
    pixels = pixels**0.92 * (1.07 - 0.09 * (x**2 + y**2))[..., None]
    pixels += rng.normal(0, 0.006, pixels.shape[:2])[..., None] + rng.normal(0, 0.004, pixels.shape)
    final = Image.fromarray(np.clip(pixels * 255 + 0.5, 0, 255).astype(np.uint8))
    final.save(HERE / "landscape.jpg", quality=88)


def lineart() -> None:
    """Hard edges and text of several sizes: for edges, thickening, thinning and embossing."""
    picture = Image.new("RGB", (640, 480), "white")
    draw = ImageDraw.Draw(picture)
    draw.rectangle((8, 8, 631, 471), outline="black", width=2)
    y = 20
    for text in ("Line art", "Boxes & circles", "The quick brown fox", "jumps over the lazy dog"):
        size = 44 - (y - 20) // 4
        draw.text((24, y), text, fill="black", font=ImageFont.load_default(size=size))
        y += round(size * 1.2)
    small = ImageFont.load_default(size=10)
    draw.text((24, y), "and the small print: a e o c s 0 3 6 8 9", fill="black", font=small)
    picture.paste(picture.point([v // 17 * 17 for v in range(256)] * 3))  # few greys
    for turn in np.arange(24) * math.pi / 12:
        x, y1 = math.cos(turn), math.sin(turn)
        draw.line([(510 + 14 * x, 100 + 14 * y1), (510 + 84 * x, 100 + 84 * y1)], "black", 1)
    for i, ink in enumerate(("#c0392b", "#e67e22", "#27ae60", "#2980b9", "#8e44ad")):
        r, d = 62 - 12 * i, 12 * i
        draw.ellipse((100 - r, 260 - r, 100 + r, 260 + r), outline=ink, width=i + 1)
        draw.line([(24, 350 + 22 * i), (176, 340 + 24 * i)], fill=ink, width=i + 1)
        draw.rectangle((410 + d, 210 + d, 610 - d, 330 - d), outline=ink, width=5 - i)
    for i in range(-120, 170, 10):  # hatching one way, then both ways
        end = (200 + min(i + 120, 170), 330 - min(120, 170 - i))
        draw.line([(200 + max(i, 0), 330 + min(i, 0)), end], "black", 1)
    for i in range(0, 171, 10):
        draw.line([(200 + i, 460), (200 + i, 350)], "black", 1 + i // 60)
        draw.line([(200, 350 + i * 11 / 17), (370, 350 + i * 11 / 17)], "black", 1)
    draw.rectangle((200, 210, 370, 330), outline="black", width=2)
    wave = [(x, 405 + 45 * math.sin((x - 400) ** 2 / 2600)) for x in range(400, 616)]
    draw.line(wave, fill="#2c3e50", width=2)
    picture.save(HERE / "lineart.png", optimize=True)


def zone_plate() -> None:
    """Rings that grow finer to the edge: shows what a filter does to every frequency."""
    y, x = np.mgrid[-256:256, -256:256] + 0.5
    rings = np.cos(np.pi * (x**2 + y**2) / 512)
    pixels = np.rint(127.5 + 127.5 * rings).astype(np.uint8)
    Image.fromarray(pixels).save(HERE / "zone_plate.png", optimize=True)


def star(tips: int, outer: float, inner: float) -> list[tuple[float, float]]:
    """The corners of a star in the middle of the badge, at four times its size."""
    turns = [(k * math.pi / tips, inner if k % 2 else outer) for k in range(2 * tips)]
    return [(640 + r * math.sin(turn), 600 - r * math.cos(turn)) for turn, r in turns]


def badge() -> None:
    """A soft-edged emblem over nothing: clear pixels hide a green that must never show."""
    big, small = (1280, 1280), (320, 320)
    shape, shadow = Image.new("L", big), Image.new("L", small)
    ImageDraw.Draw(shape).polygon(star(12, 520, 470), fill=255)
    face = Image.new("RGB", big, "#c8372d")
    draw = ImageDraw.Draw(face)
    draw.ellipse((210, 170, 1070, 1030), fill="#f6c945", outline="#fff4d6", width=24)
    draw.ellipse((290, 250, 990, 950), fill="#1f5f8b")
    draw.polygon(star(5, 310, 130), fill="#fff4d6")
    body = np.asarray(shape.resize(small, Image.Resampling.BOX), dtype=np.float64) / 255
    shadow.paste(shape.resize(small), (6, 14))
    cast = np.asarray(shadow.filter(ImageFilter.GaussianBlur(8)), dtype=np.float64) / 255 * 0.6
    inks = np.asarray(face.resize(small, Image.Resampling.BOX), dtype=np.float64)
    gloss = 1.12 - 0.3 * np.linspace(0, 1, 320)[:, None, None]
    alpha = body + cast * (1 - body)
    rgb = inks * gloss * (body / np.maximum(alpha, 1e-9))[..., None]
    pixels = np.dstack([np.clip(rgb, 0, 255), alpha * 255]).round().astype(np.uint8)
    pixels[pixels[..., 3] == 0] = (0, 255, 0, 0)
    Image.fromarray(pixels).save(HERE / "badge.png", optimize=True)


def depth16() -> None:
    """A gentle 16-bit grey relief: work done in 8 bits would turn it into visible steps."""
    y, x = np.mgrid[0:240, 0:320].astype(np.float64)
    height = 22000 + 26 * x + 9 * y
    for cx, cy, wide, tall in ((90, 80, 38, 3400), (215, 150, 55, 4200), (265, 50, 22, -2600)):
        height += tall * np.exp(-((x - cx) ** 2 + (y - cy) ** 2) / (2 * wide**2))
    height += 260 * np.sin(np.hypot(x - 40, y - 220) / 9)
    Image.fromarray(np.rint(height).astype(np.uint16)).save(HERE / "depth16.png", optimize=True)


def pulse() -> None:
    """An endless ten-frame animation whose frames last unequal times."""
    frames = []
    for step in range(10):
        frame = Image.new("RGB", (640, 480), "#14213d")
        draw = ImageDraw.Draw(frame)
        for ring in (step, step + 5):
            r = 40 + 24 * (ring % 10)
            ink = ("#fca311", "#d98a1a", "#a86c24", "#6b4a2c", "#3a3238")[ring % 10 // 2]
            draw.ellipse((320 - r, 240 - r, 320 + r, 240 + r), outline=ink, width=12)
        r = round(52 + 22 * math.cos(step * math.pi / 5))
        draw.ellipse((320 - r, 240 - r, 320 + r, 240 + r), fill="#e5383b")
        draw.rectangle((20, 450, 20 + 60 * (step + 1), 462), fill="#e5e5e5")
        frames.append(frame.resize((160, 120), Image.Resampling.BOX).quantize(64))
    path, lasting = HERE / "pulse.gif", [60, 60, 80, 80, 120, 120, 160, 160, 240, 400]
    frames[0].save(path, save_all=True, append_images=frames[1:], duration=lasting, loop=0)


if __name__ == "__main__":
    for picture_of in (landscape, lineart, zone_plate, badge, depth16, pulse):
        picture_of()
