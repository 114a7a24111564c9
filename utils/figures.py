"""The house style, and the plots that more than one lesson uses."""
from __future__ import annotations

import base64
import io
import textwrap
from collections.abc import Mapping, Sequence
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

# Eight colours that people with any kind of colour vision can tell apart: M. Okabe and K. Ito (2008),
# https://jfly.uni-koeln.de/color/
BLACK, ORANGE, SKY, GREEN = "#000000", "#E69F00", "#56B4E9", "#009E73"
YELLOW, BLUE, VERMILION, PURPLE = "#F0E442", "#0072B2", "#D55E00", "#CC79A7"
GREY, LIGHT = "#767676", "#D0D0D0"

HUE = {  # one hue for one thing, through the whole course
    "train": BLUE, "val": ORANGE, "test": VERMILION,
    "real": BLUE, "synthetic": PURPLE,
    "mel": VERMILION, "nv": SKY,
}  # fmt: skip

WIDTH = 7.0  # inches


def style() -> None:
    """Set the house style for all figures of a notebook."""
    plt.rcParams.update(
        {
            "figure.dpi": 100, "savefig.dpi": 100, "figure.figsize": (WIDTH, 3.2),
            "figure.constrained_layout.use": True,
            "font.family": "sans-serif", "font.sans-serif": ["DejaVu Sans"], "font.size": 9,
            "axes.titlesize": 9, "axes.titlelocation": "left", "axes.labelsize": 9,
            "axes.spines.top": False, "axes.spines.right": False, "axes.axisbelow": True,
            "axes.grid": False, "grid.color": "#E4E4E4", "grid.linewidth": 0.8,
            "image.cmap": "gray", "image.interpolation": "nearest",
            "legend.frameon": False, "lines.linewidth": 1.6,
            "axes.prop_cycle": plt.cycler(color=[BLUE, ORANGE, GREEN, VERMILION, PURPLE, SKY, GREY]),
        }
    )  # fmt: skip


def show(fig: Figure, title: str, alt: str, source: Any = None) -> None:
    """Give a figure its title, show it as a PNG of 100 dpi with alternative text, and close it.

    Args:
        title: the finding, one sentence without a full stop; long ones are wrapped.
        alt: what a reader who cannot see the figure needs to know.
        source: a `datasets.Source`; when it is synthetic, the title says so.
    """
    from IPython.display import display

    if source is not None and not source.is_real:
        title = f"{title} [synthetic data]"
    lines = "\n".join(textwrap.wrap(title, int(fig.get_figwidth() * 11.5)))
    fig.suptitle(lines, x=0.01, ha="left", fontsize=10, fontweight="bold")
    buffer = io.BytesIO()
    fig.savefig(buffer, format="png", dpi=100, metadata={"Software": None})
    plt.close(fig)
    png = base64.b64encode(buffer.getvalue()).decode()
    text = f"Figure: {title}. {alt}"
    display({"image/png": png, "text/plain": text}, metadata={"image/png": {"alt": alt}}, raw=True)


def value_grid(ax: Axes, axis: str = "y") -> None:
    """A light grid on the value axis (`x` or `y`) only."""
    ax.grid(True, axis=axis)


def picture(
    ax: Axes,
    image: np.ndarray,
    title: str = "",
    *,
    window: tuple[float, float] | None = None,
    spacing: tuple[float, float] | None = None,
    bar: float = 50.0,
) -> None:
    """Draw one medical image without axes and without smoothing.

    Args:
        image: (rows, columns) in grey or (rows, columns, 3) in colour.
        window: (lowest, highest) value shown, in the image's unit; the image's own range if left out.
        spacing: (row, column) spacing in mm; gives true proportions and a scale bar of `bar` mm.
    """
    low, high = window if window else (None, None)
    aspect = spacing[0] / spacing[1] if spacing else 1.0
    ax.imshow(image, vmin=low, vmax=high, aspect=aspect)
    ax.set_title(title)
    ax.set_xticks([])
    ax.set_yticks([])
    for spine in ax.spines.values():
        spine.set_visible(False)
    if spacing:
        rows, columns = image.shape[:2]
        length, x, y = bar / spacing[1], columns * 0.05, rows * 0.95
        ax.plot([x, x + length], [y, y], color="white", linewidth=3, solid_capstyle="butt")
        ax.text(x, y - rows * 0.02, f"{bar:g} mm", color="white", fontsize=8, va="bottom")


def montage(images: np.ndarray, columns: int = 12, gap: int = 1) -> np.ndarray:
    """Tile images into one picture, row by row, with a white gap.

    Args:
        images: (n, rows, columns) or (n, rows, columns, 3), any numeric type.

    Returns:
        One array, (grid rows * (rows + gap) - gap, grid columns * (columns + gap) - gap[, 3]).

    Example:
        >>> montage(np.zeros((5, 28, 28), np.uint8), columns=3).shape
        (57, 86)
    """
    n, height, width = images.shape[:3]
    lines = -(-n // columns)
    white = np.iinfo(images.dtype).max if np.issubdtype(images.dtype, np.integer) else images.max()
    shape = (lines * (height + gap) - gap, columns * (width + gap) - gap, *images.shape[3:])
    sheet = np.full(shape, white, images.dtype)
    for i, image in enumerate(images):
        row, column = i // columns * (height + gap), i % columns * (width + gap)
        sheet[row : row + height, column : column + width] = image
    return sheet


def dots(
    ax: Axes,
    values: Mapping[str, Sequence[float]],
    *,
    colours: Mapping[str, str] | None = None,
    digits: int = 2,
    xlabel: str = "",
) -> None:
    """A dot with its interval per row, labelled directly.

    Args:
        values: {row label: (estimate, lower, upper)}, in one unit, drawn from top to bottom.
        colours: {row label: colour}; grey where not named.
        digits: decimals of the printed estimate.

    Example:
        >>> fig, ax = plt.subplots()
        >>> dots(ax, {"plain": (0.81, 0.78, 0.84), "mixup": (0.83, 0.80, 0.86)}, xlabel="accuracy")
        >>> [label.get_text() for label in ax.get_yticklabels()]
        ['plain', 'mixup']
        >>> plt.close(fig)
    """
    colours = colours or {}
    for row, (label, (estimate, low, high)) in enumerate(values.items()):
        colour = colours.get(label, GREY)
        ax.plot([low, high], [row, row], color=colour, linewidth=2.2, solid_capstyle="round")
        ax.plot(estimate, row, "o", color=colour, markersize=6)
        ax.annotate(f"{estimate:.{digits}f}", (estimate, row), (0, 6), textcoords="offset points",
                    ha="center", fontsize=8, color=colour)  # fmt: skip
    ax.set_yticks(range(len(values)), list(values))
    ax.set_ylim(len(values) - 0.4, -0.7)
    ax.tick_params(axis="y", length=0)
    ax.spines["left"].set_visible(False)
    ax.set_xlabel(xlabel)
    value_grid(ax, "x")


def label_line(ax: Axes, x: float, y: float, text: str, colour: str, **keywords: Any) -> None:
    """Write a label beside the end of a line, in the line's colour."""
    ax.annotate(text, (x, y), (4, 0), textcoords="offset points", color=colour, va="center", **keywords)
