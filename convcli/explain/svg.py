"""An animation as SVG: CSS shows and hides each shape, in the page's light or dark colours."""

from __future__ import annotations

from xml.sax.saxutils import escape, quoteattr

from convcli.explain.drawing import Film, Label, Rectangle, Shape
from convcli.explain.palette import TONES

FONT = "system-ui, -apple-system, 'Segoe UI', Roboto, 'Helvetica Neue', Arial, sans-serif"


def svg_text(film: Film, milliseconds: int) -> str:
    """Return the frames as one SVG that loops, with a duration for each.

    Users who prefer reduced motion get the last step, with the whole result.
    """
    count = len(film.frames)
    runs = _runs(film)
    intervals = sorted({interval for _, interval in runs if interval != (0, count)})
    names = {interval: f"s{k}" for k, interval in enumerate(intervals)}
    body = []
    for shape, interval in runs:
        group = "" if interval == (0, count) else f' class="{names[interval]}"'
        body.append(_element(shape, group))
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {film.width} {film.height}" '
            f'width="{film.width}" height="{film.height}" role="img" '
            f"aria-label={quoteattr(film.title)} font-family={quoteattr(FONT)}>",
            f"<title>{escape(film.title)}</title>",
            "<style>",
            _colours(),
            *_animations(names, count, milliseconds),
            "</style>",
            *body,
            "</svg>",
            "",
        ]
    )


def _runs(film: Film) -> list[tuple[Shape, tuple[int, int]]]:
    """Return every shape with its intervals of frames (first, end), back to front."""
    begun: dict[Shape, int] = {}
    runs: list[tuple[Shape, tuple[int, int]]] = []
    for k, frame in enumerate(film.frames):
        now = set(frame.shapes)
        for shape in [shape for shape in begun if shape not in now]:
            runs.append((shape, (begun.pop(shape), k)))
        for shape in frame.shapes:
            begun.setdefault(shape, k)
    runs += [(shape, (first, len(film.frames))) for shape, first in begun.items()]
    return sorted(runs, key=lambda run: run[0].layer)


def _colours() -> str:
    def rules(tone: str) -> str:
        return "".join(
            f".f-{name}{{fill:{colour}}}.l-{name}{{stroke:{colour}}}"
            for name, colour in ((name, getattr(pair, tone)) for name, pair in TONES.items())
        )

    return f"{rules('light')}\n@media (prefers-color-scheme:dark){{{rules('dark')}}}"


def _animations(names: dict[tuple[int, int], str], count: int, milliseconds: int) -> list[str]:
    rules = []
    # The last step is shown twice as long.
    total = count + 1
    for (first, past), name in names.items():
        start, stop = 100 * first / total, 100 * past / total if past < count else 100
        frames = f"{start:.3f}%{{visibility:visible}}"
        if first > 0:
            frames = "0%{visibility:hidden}" + frames
        if past < count:
            frames += f"{stop:.3f}%{{visibility:hidden}}"
        end = "visible" if past == count else "hidden"
        frames += f"100%{{visibility:{end}}}"
        rules.append(
            f"@keyframes {name}{{{frames}}}"
            f".{name}{{visibility:{end};"
            f"animation:{name} {total * milliseconds}ms step-end infinite}}"
        )
    motionless = "@media (prefers-reduced-motion:reduce){*{animation:none!important}}"
    return [*rules, motionless] if rules else []


def _element(shape: Shape, group: str) -> str:
    if isinstance(shape, Rectangle):
        classes = f"f-{shape.fill} l-{shape.stroke}"
        dash = ' stroke-dasharray="3 3"' if shape.dashed and shape.thickness == 1 else ""
        drawn = (
            f'<rect x="{shape.x:g}" y="{shape.y:g}" width="{shape.width:g}" '
            f'height="{shape.height:g}" class="{classes}" '
            f'stroke-width="{shape.thickness:g}"{dash}/>'
        )
    else:
        drawn = _text(shape)
    return f"<g{group}>{drawn}</g>" if group else drawn


def _text(label: Label) -> str:
    weight = ' font-weight="600"' if label.bold else ""
    anchor = f' text-anchor="{label.anchor}"' if label.anchor != "start" else ""
    return (
        f'<text x="{label.x:g}" y="{label.y:g}" font-size="{label.size:g}" '
        f'class="f-{label.colour}"{anchor}{weight}>{escape(label.text)}</text>'
    )
