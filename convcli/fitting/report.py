"""The result of a fit as lines of text."""

from __future__ import annotations

import math

from convcli.fitting.result import Fit

CHANNELS = {
    "shared": "the same for every channel",
    "separate": "one for each channel",
    "mixed": "across channels",
}


def report_lines(fit: Fit) -> list[str]:
    """Return the report, a line for each subject."""
    entries = [
        ("kernel", _kernel(fit)),
        ("name", _name(fit)),
        ("shift", _shift(fit)),
        ("border", _border(fit)),
        ("PSNR", _psnr(fit)),
        ("samples", _samples(fit)),
        ("system", _system(fit)),
        ("residual", _residual(fit)),
        ("limit", fit.limit),
        *(("note", note) for note in fit.notes),
    ]
    return [f"{name:<10}{text}" for name, text in entries if text]


def _kernel(fit: Fit) -> str:
    height, width = fit.size
    parts = [f"{width}×{height}, {CHANNELS[fit.channels]}"]
    if isinstance(fit.filter.stride, tuple):
        y, x = fit.filter.stride
        which = "transposed, for upsample, stride" if fit.is_transposed else "stride"
        parts.append(f"{which} {y if y == x else f'{y},{x}'}")
    if fit.linear:
        parts.append("in linear light (linear=True)")
    if fit.is_snapped and fit.filter.divisor != 1:
        parts.append(f"whole numbers over {fit.filter.divisor:g}")
    elif fit.is_snapped and (fit.filter.weight % 1 == 0).all():
        parts.append("whole numbers")
    if not fit.is_snapped and fit.uncertainty.size:
        peak = float(abs(fit.filter.kernel).max())
        worst = float(fit.uncertainty.max())
        parts.append(f"weights to ±{worst:.2g} ({_percent(worst / peak)} of the largest)")
    return ", ".join(parts)


def _name(fit: Fit) -> str:
    if not fit.name:
        return ""
    if fit.is_snapped:
        return fit.name
    return f"like {fit.name}: weights are within {_percent(fit.deviation or 0)} of its largest"


def _shift(fit: Fit) -> str:
    if fit.shift == (0, 0):
        return ""
    y, x = fit.shift
    vertical = f"{abs(y)} {'down' if y > 0 else 'up'}"
    horizontal = f"{abs(x)} to the {'right' if x > 0 else 'left'}"
    parts = [text for text, amount in ((vertical, y), (horizontal, x)) if amount]
    return f"AFTER is shifted {' and '.join(parts)} ({y},{x}); the filter leaves that out"


def _border(fit: Fit) -> str:
    mode = fit.filter.pad_mode
    if not fit.border_errors:
        return f"{mode} (the kernel does not reach over the edge)" if fit.size == (1, 1) else mode
    scale, unit = (fit.levels, " levels") if fit.levels else (1, "")
    others = ", ".join(
        f"{other} {error * scale:.3g}"
        for other, error in fit.border_errors.items()
        if other != mode
    )
    return f"{mode}, {fit.border_errors[mode] * scale:.3g}{unit} off along the edge ({others})"


def _psnr(fit: Fit) -> str:
    before = "" if fit.psnr_before is None else f"{_decibels(fit.psnr_before)} before, "
    after, held_out = _decibels(fit.psnr), _decibels(fit.held_out_psnr)
    return f"{before}{after} after, {held_out} on held-out tiles; R² {fit.r_squared:.6f}"


def _samples(fit: Fit) -> str:
    used = f"{fit.used:,} of {fit.samples:,} used ({_percent(fit.used / max(1, fit.samples))})"
    left_out = [f"{fit.clipped:,} are clipped"] if fit.clipped else []
    left_out += [f"{fit.hidden:,} are transparent"] if fit.hidden else []
    return "; ".join([used, *left_out])


def _system(fit: Fit) -> str:
    parts = [f"{fit.unknowns} weights"]
    if fit.solver == "gradients":
        parts.append("conjugate gradients")
    if fit.condition is not None:
        parts.append(f"condition number {fit.condition:.2g}")
    parts.append(f"ridge {fit.ridge:g}" if fit.ridge else "no ridge")
    return ", ".join(parts)


def _residual(fit: Fit) -> str:
    if fit.levels is None:
        return f"{fit.rms:.3g} (root mean square)"
    text = f"{fit.rms * fit.levels:.3f} of a level (root mean square)"
    if fit.is_rounding_alone:
        return f"{text}: rounding alone, which makes 0.289"
    return f"{text}, where rounding makes 0.289"


def _decibels(value: float) -> str:
    return "no difference" if math.isinf(value) else f"{value:.1f} dB"


def _percent(share: float) -> str:
    return f"{100 * share:.3g} %"
