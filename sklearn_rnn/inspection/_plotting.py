"""What all Displays share: matplotlib, which is imported when it is needed, and axes to draw on."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from matplotlib.axes import Axes

# Told apart in greyscale too: from dark to light, and each with a style of its own.
COLORS = ("#1b3a5c", "#d1682b", "#4a9a8c", "#b04a7a", "#8a8a8a", "#c9b13f")
LINE_STYLES = ("-", "--", "-.", ":", (0, (5, 1)), (0, (3, 1, 1, 1)))


def require_matplotlib(caller: str) -> None:
    """An ImportError that names the extra where matplotlib is not installed."""
    try:
        import matplotlib  # noqa: F401
    except ImportError as error:
        raise ImportError(
            f"{caller} draws with matplotlib, which is not installed. Install it with: pip install matplotlib (or "
            "install this package with its extra: sklearn-rnn[plot])."
        ) from error


def axes_for(ax: Axes | None, caller: str, **figure_options: Any) -> tuple[Any, Axes]:
    """The axes that were given and their figure, or new ones.

    Where axes are given pyplot is not even imported, so that no figure is opened and none made current. Axes on which x
    and y are no straight lines at right angles are refused.
    """
    require_matplotlib(caller)
    if ax is None:
        import matplotlib.pyplot as plt

        return plt.subplots(layout="constrained", **figure_options)
    if not hasattr(ax, "plot"):
        raise TypeError(f"ax must be one matplotlib Axes, got {type(ax).__name__}.")
    # by its spines, so that subclasses with names of their own are known for what they are; a mock has none
    if hasattr(ax, "zaxis") or not {"left", "bottom"} <= set(getattr(ax, "spines", {"left", "bottom"})):
        raise ValueError(
            f"{caller} draws on plain axes, with x and y at right angles; ax is of projection {ax.name!r}. Make it "
            "without projection=, such as plt.subplots()[1]."
        )
    return ax.figure, ax


def series_style(number: int) -> dict[str, Any]:
    """Color and line style of the so-manieth line, told apart without color too."""
    return {"color": COLORS[number % len(COLORS)], "linestyle": LINE_STYLES[number % len(LINE_STYLES)]}


def artist_options(usual: Mapping[str, Any], given: Mapping[str, Any] | None, artist: str = "Line2D") -> dict[str, Any]:
    """Options of an artist, where what is given, under matplotlib's short names too (lw, ls, c), replaces the usual."""
    import matplotlib.collections
    import matplotlib.lines
    import matplotlib.patches
    from matplotlib.cbook import normalize_kwargs

    kinds = {
        "Line2D": matplotlib.lines.Line2D,
        "Patch": matplotlib.patches.Patch,
        "Collection": matplotlib.collections.Collection,
    }
    return {**usual, **normalize_kwargs(dict(given or {}), kinds[artist])}
