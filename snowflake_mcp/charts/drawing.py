"""What was shaped as a PNG, with matplotlib; runs in the drawing child and nowhere else."""

import io
import logging
import math
import os
import warnings
from typing import Any, Final

from snowflake_mcp.charts.columns import Cells, Cloud, Scale, Series, Shaped
from snowflake_mcp.charts.lines import Look, Question
from snowflake_mcp.charts.values import figure, unit

__all__ = ["Canvas", "load"]

_DPI: Final = 100
_FONT: Final = "DejaVu Sans"
"""Comes with the library, so that every machine draws the same."""
_COLORS: Final = (
    "#0072B2",
    "#E69F00",
    "#009E73",
    "#CC79A7",
    "#D55E00",
    "#56B4E9",
    "#000000",
    "#8C6D31",
)
"""Of Okabe and Ito: people who see few colours tell them apart; the last replaces their yellow,
which is too light for lines on white."""
_LINES: Final = ("-", "--", ":", "-.")
_MARKS: Final = ("o", "s", "^", "D", "v", "P", "X", "*")
_REST_COLOR: Final = "#B0B0B0"
_FEW: Final = 60
"""So many points of a line have marks."""
_TICKS: Final = 14
_BESIDE: Final = 4
"""More series than that are stacked."""
_LONG: Final = 9
_FIRST_DAY: Final = -719_162.0
_LAST_DAY: Final = 2_932_896.0
"""Of the years 1 to 9999, since 1970-01-01."""
_YEARS: Final = (1_000, 9_999)
_TITLE_CHARS: Final = 90


def load() -> "Canvas":
    """Import the library, with its own fonts and settings alone; takes half a second."""
    import matplotlib as mpl

    mpl.use("agg")
    logging.disable()
    warnings.simplefilter("ignore")
    # Whatever a file said that was found somewhere.
    mpl.rcdefaults()
    from matplotlib import font_manager

    home = os.path.realpath(mpl.get_data_path())
    fonts = font_manager.fontManager
    fonts.ttflist = [
        each for each in fonts.ttflist if os.path.realpath(each.fname).startswith(home)
    ]
    mpl.rcParams.update(
        {
            "font.family": [_FONT],
            "font.size": 9,
            # "$" is a dollar, in labels as in titles.
            "text.parse_math": False,
            "text.usetex": False,
            "axes.unicode_minus": False,
            "axes.spines.top": False,
            "axes.spines.right": False,
            "axes.grid": True,
            "axes.axisbelow": True,
            "grid.color": "#E4E4E4",
            "axes.edgecolor": "#808080",
            "axes.titlesize": 11,
            "axes.titleweight": "normal",
            "figure.constrained_layout.use": True,
        }
    )
    return Canvas(mpl)


class Canvas:
    """Draws one picture after the other, each from nothing."""

    def __init__(self, mpl: Any) -> None:
        self._mpl = mpl

    def draw(self, question: Question, shaped: Shaped) -> bytes:
        """The PNG; the same bytes for the same data."""
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure

        look = question.look
        whole = Figure(figsize=(look.width_px / _DPI, look.height_px / _DPI), dpi=_DPI)
        FigureCanvasAgg(whole)
        axes = whole.add_subplot()
        if question.title:
            axes.set_title(_line(question.title, _TITLE_CHARS), loc="left")
        if isinstance(shaped.drawn, Cells):
            self._heatmap(whole, axes, shaped.drawn, "y" in question.log)
        else:
            self._cloud(question, axes, shaped.drawn)
            self._legend(whole, axes, shaped.drawn)
        png = io.BytesIO()
        whole.savefig(png, format="png", dpi=_DPI, metadata={"Software": None})
        return png.getvalue()

    # series

    def _cloud(self, question: Question, axes: Any, cloud: Cloud) -> None:
        sideways = question.kind == "bar" and _sideways(cloud.x, question.look)
        along, across = (axes.yaxis, axes.xaxis) if sideways else (axes.xaxis, axes.yaxis)
        along.grid(visible=question.kind in {"scatter", "line"})
        # Before the data, so that limits are found on the scale that counts.
        if "y" in question.log:
            (axes.set_xscale if sideways else axes.set_yscale)("log", nonpositive="mask")
        if "x" in question.log and cloud.x.values == "number":
            axes.set_xscale("log", nonpositive="mask")
        if question.kind == "bar":
            self._bars(axes, cloud, sideways=sideways, log="y" in question.log)
        elif question.kind == "histogram":
            for series in cloud.series:
                if series.y:
                    axes.stairs(series.y, series.x, fill=True, color=_COLORS[0], ec="white")
        else:
            for at, series in enumerate(cloud.series):
                self._series(question.kind, axes, series, at)
        self._named(along, cloud.x, question.look, log="x" in question.log, sideways=sideways)
        self._numbers(across, log="y" in question.log)
        if sideways:
            axes.invert_yaxis()
        along.set_label_text(cloud.x.name)
        across.set_label_text(cloud.y)

    def _series(self, kind: str, axes: Any, series: Series, at: int) -> None:
        color = _REST_COLOR if series.rest else _COLORS[at % len(_COLORS)]
        turn = at // len(_COLORS)
        if kind == "scatter":
            size = 28 if len(series.x) <= 500 else 10
            axes.scatter(
                series.x,
                series.y,
                s=size,
                c=color,
                marker=_MARKS[at % len(_MARKS)],
                alpha=0.75,
                linewidths=0,
                label=series.name,
                zorder=1 if series.rest else 2,
            )
            return
        few = sum(not math.isnan(y) for y in series.y) <= _FEW
        axes.plot(
            series.x,
            series.y,
            color=color,
            linestyle=_LINES[turn % len(_LINES)],
            linewidth=1 if series.rest else 1.8,
            marker=_MARKS[at % len(_MARKS)] if few else "",
            markersize=4,
            label=series.name,
            zorder=1 if series.rest else 2,
        )

    def _bars(self, axes: Any, cloud: Cloud, *, sideways: bool, log: bool) -> None:
        count = len(cloud.series)
        stacked = (
            count > _BESIDE and not log and all(y >= 0 for each in cloud.series for y in each.y)
        )
        room = 0.8 * (
            1.0 if cloud.x.values == "text" else unit([x for each in cloud.series for x in each.x])
        )
        width = room if stacked else room / max(1, count)
        below: dict[float, float] = {}
        draw = axes.barh if sideways else axes.bar
        for at, series in enumerate(cloud.series):
            colors = [_REST_COLOR if series.rest else _COLORS[at % len(_COLORS)]] * len(series.x)
            if cloud.x.rest and series.x and series.x[-1] == len(cloud.x.labels) - 1:
                colors[-1] = _REST_COLOR
            shift = 0.0 if stacked else (at - (count - 1) / 2) * width
            start = [below.get(x, 0.0) for x in series.x] if stacked else None
            draw(
                [x + shift for x in series.x],
                series.y,
                width,
                start,
                color=colors,
                hatch="" if at < len(_COLORS) or series.rest else "//",
                edgecolor="white",
                linewidth=0.4,
                label=series.name,
            )
            if stacked:
                for x, y in zip(series.x, series.y, strict=True):
                    below[x] = below.get(x, 0.0) + y

    def _legend(self, whole: Any, axes: Any, cloud: Cloud) -> None:
        shown = [each for each in cloud.series if each.name and not each.rest]
        rest = [each for each in cloud.series if each.rest]
        if len(shown) + len(rest) < 2 and not (shown and shown[0].name and not cloud.y):
            return
        marks, names = axes.get_legend_handles_labels()
        count = len(cloud.series) - len(rest)
        entries = list(zip(marks, names, strict=True))
        kept = entries[:count]
        if rest:
            # Bars have one for all of them, and it says how many; lines have one each.
            text = names[count] if len(rest) == 1 else f"other ({len(rest)})"
            kept.append((marks[count], text))
        whole.legend(
            [mark for mark, _ in kept],
            [name or "(empty)" for _, name in kept],
            loc="outside right upper",
            frameon=False,
            fontsize=8,
            markerscale=1.6 if len(kept) and not axes.lines else 1.0,
        )

    # cells

    def _heatmap(self, whole: Any, axes: Any, cells: Cells, log: bool) -> None:
        from matplotlib.colors import LogNorm

        axes.grid(visible=False)
        filled = [each for row in cells.rows for each in row if not math.isnan(each)]
        norm = LogNorm(min(filled), max(filled)) if log and min(filled) < max(filled) else None
        image = axes.imshow(
            cells.rows, cmap="cividis", aspect="auto", interpolation="nearest", norm=norm
        )
        for axis, scale in ((axes.xaxis, cells.x), (axes.yaxis, cells.y)):
            self._places(axis, scale.labels, sideways=axis is axes.yaxis)
            axis.set_label_text(scale.name)
        bar = whole.colorbar(image, ax=axes)
        self._numbers(bar.ax.yaxis, log=norm is not None)
        bar.set_label(cells.value)

    # axes

    def _named(self, axis: Any, scale: Scale, look: Look, *, log: bool, sideways: bool) -> None:
        from matplotlib import dates, ticker

        if scale.values == "text":
            self._places(axis, scale.labels, sideways=sideways)
        elif scale.values == "date":
            low, high = axis.get_view_interval()
            # The margins would reach beyond the calendar.
            within = max(low, _FIRST_DAY), min(high, _LAST_DAY)
            if within != (low, high):
                axis.axes.set_xlim(*within)
            locator = dates.AutoDateLocator(maxticks=max(4, look.width_px // 90))
            axis.set_major_locator(locator)
            axis.set_major_formatter(dates.ConciseDateFormatter(locator))
        else:
            self._numbers(axis, log=log)
            low, high = axis.get_view_interval()
            if not log and _YEARS[0] <= low and high <= _YEARS[1]:
                # Years, more likely than not: no comma in them.
                axis.set_major_locator(ticker.MaxNLocator(integer=True))
                axis.set_major_formatter(ticker.FuncFormatter(lambda value, _: f"{value:.10g}"))

    def _places(self, axis: Any, labels: Any, *, sideways: bool) -> None:
        step = max(1, -(-len(labels) // (40 if sideways else _TICKS)))
        shown = range(0, len(labels), step)
        axis.set_ticks(list(shown), [labels[at] for at in shown])
        longest = max((len(labels[at]) for at in shown), default=0)
        if sideways:
            axis.set_tick_params(labelsize=7 if len(shown) > 20 else 8)
        elif longest * len(shown) > 100 or longest > _LONG + 6:
            for text in axis.get_ticklabels():
                text.set(rotation=35, ha="right", rotation_mode="anchor")

    def _numbers(self, axis: Any, *, log: bool) -> None:
        from matplotlib import ticker

        axis.set_major_formatter(ticker.FuncFormatter(lambda value, _: figure(value)))
        if log:
            # On less than a power of ten only the minor ticks say anything.
            axis.set_minor_formatter(
                ticker.LogFormatter(minor_thresholds=(1, 0.4), labelOnlyBase=False)
            )


def _sideways(scale: Scale, look: Look) -> bool:
    """Whether bars lie: their names would not fit below them."""
    longest = max((len(each) for each in scale.labels), default=0)
    return scale.values == "text" and longest * len(scale.labels) * 7 > look.width_px


def _line(text: str, most: int) -> str:
    """A text of somebody's on one line."""
    shown = "".join(each if each.isprintable() else " " for each in text)
    return shown if len(shown) <= most else shown[: most - 1] + "…"
