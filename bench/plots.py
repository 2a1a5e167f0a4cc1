"""Curves into PNG files, by matplotlib."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

__all__ = ["Axes", "Line", "draw"]

_COLOURS: Final = ("#1f5fa8", "#c2571a", "#3a7d44", "#7a4a9e")
_PANEL_INCHES: Final = (4.2, 3.4)


@dataclass(frozen=True, slots=True)
class Line:
    """One curve; a line without a label takes the colour of the labelled one in its place."""

    label: str
    x: Sequence[float]
    y: Sequence[float]
    dashed: bool = False


@dataclass(frozen=True, slots=True)
class Axes:
    """One panel; x is logarithmic."""

    title: str
    x_label: str
    lines: Sequence[Line]
    log_y: bool = False


def draw(file: Path, panels: Sequence[Axes]) -> None:
    """Draw panels side by side into a PNG file."""
    from matplotlib.figure import Figure

    width, height = _PANEL_INCHES
    figure = Figure(figsize=(width * len(panels), height), layout="constrained")
    for axes, panel in zip(figure.subplots(1, len(panels), squeeze=False)[0], panels, strict=True):
        named = [line for line in panel.lines if line.label]
        unnamed = [line for line in panel.lines if not line.label]
        for lines in (named, unnamed):
            for line, colour in zip(lines, _COLOURS, strict=False):
                style = "--" if line.dashed else "-"
                label = line.label or None
                axes.plot(line.x, line.y, style, color=colour, label=label, marker="o", ms=4)
        axes.set_xscale("log")
        if panel.log_y:
            axes.set_yscale("log")
        else:
            axes.set_ylim(bottom=0)
        axes.set_title(panel.title, fontsize=10)
        axes.set_xlabel(panel.x_label)
        axes.grid(visible=True, which="major", alpha=0.3)
        axes.legend(fontsize=8)
    # The same figures give the same file: no date, no version of the library in it.
    figure.savefig(file, dpi=110, metadata={"Software": None})
