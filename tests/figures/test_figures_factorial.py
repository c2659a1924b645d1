"""The figure of a factorial."""

import io

import matplotlib as mpl
import numpy as np
import pandas as pd
import pytest

mpl.use("Agg")

from drawn import check_texts

from nascore import figures
from nascore.base.errors import ConfigError
from nascore.figures import COLUMN, PAGE

NAMES = ("softmax, bilevel", "3-entmax, prune, single-level", "random cell")
CEILINGS = {"CIFAR-10": 94.37, "CIFAR-100": 73.51, "ImageNet16-120": 47.31}


def factorial(panels=tuple(CEILINGS), seeds=10):
    generator = np.random.default_rng(0)
    rows = [
        (panel, name, series, CEILINGS[panel] - generator.exponential(6.0) - 30 * (seed == 0))
        for panel in panels
        for name in NAMES
        for series in ("without none", "none competes")
        for seed in range(seeds)
    ]
    return pd.DataFrame(rows, columns=["panel", "name", "series", "value"])


@pytest.mark.parametrize("width", [PAGE, COLUMN])
def test_texts_are_large_inside_the_figure_and_do_not_overlap(width):
    panels = tuple(CEILINGS) if width == PAGE else ("CIFAR-10",)
    check_texts(figures.draw_factorial(factorial(panels), ceilings=CEILINGS, width=width))


def test_every_seed_has_its_mark_in_its_lane_and_every_lane_its_mean():
    frame = factorial()
    figure = figures.draw_factorial(frame, ceilings=CEILINGS)
    for ax, (panel, rows) in zip(figure.axes, frame.groupby("panel", sort=False), strict=True):
        lines = {line.get_gid(): line for line in ax.lines}
        assert lines["ceiling"].get_xdata()[0] == CEILINGS[panel]
        middles = []
        for (name, series), found in rows.groupby(["name", "series"], sort=False).value:
            marks = lines[f"{name}, {series}"]
            assert marks.get_xdata().tolist() == found.tolist()
            assert lines[f"mean of {name}, {series}"].get_xdata()[0] == pytest.approx(found.mean())
            middles.append(np.mean(lines[f"mean of {name}, {series}"].get_ydata()))
            assert abs(NAMES.index(name) - middles[-1]) < 0.5
        assert middles == sorted(middles) and len(set(middles)) == 6
        low, high = ax.get_xlim()
        assert low < rows.value.min() and high > CEILINGS[panel]


def test_a_single_seed_has_no_mean_and_no_ceiling_is_drawn_that_is_not_given():
    ax = figures.draw_factorial(factorial(seeds=1)).axes[0]
    gids = [line.get_gid() or "" for line in ax.lines]
    assert "ceiling" not in gids and not any(gid.startswith("mean") for gid in gids)


def test_the_same_input_gives_the_same_bytes():
    files = []
    for _ in range(2):
        buffer = io.BytesIO()
        with figures.style():
            figures.draw_factorial(factorial(), ceilings=CEILINGS).savefig(buffer)
        files.append(buffer.getvalue())
    assert files[0] == files[1]


def test_what_cannot_be_drawn_is_told():
    frame = factorial()
    with pytest.raises(ConfigError, match="no column 'series'"):
        figures.draw_factorial(frame.drop(columns="series"))
    with pytest.raises(ConfigError, match=r"panel 'CIFAR-10' has 9\d\.\d\d, above its ceiling of 50\.00"):
        figures.draw_factorial(frame, ceilings={"CIFAR-10": 50.0})
    with pytest.raises(ConfigError, match="'softmax, bilevel' in panel 'CIFAR-10' has no value"):
        figures.draw_factorial(frame.assign(value=[np.nan, *frame.value[1:]]))
    with pytest.raises(ConfigError, match="3 panels beside their names find no room"):
        figures.draw_factorial(frame, width=COLUMN)
