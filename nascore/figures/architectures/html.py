"""Drawings of genotypes as notebooks show them by themselves: bytes of a PNG, no figure left open."""

import io

import matplotlib as mpl
from matplotlib import pyplot as plt
from matplotlib.figure import Figure

from nascore.base.display import PIXELS
from nascore.figures.architectures.blocks import draw_blocks
from nascore.figures.architectures.cells import draw_genotype
from nascore.figures.shared.style import style
from nascore.networks.blocks import BlockGenotype
from nascore.networks.genotypes import AnyGenotype


def png(genotype: AnyGenotype) -> bytes:
    """The drawing of a genotype of any kind; raises `ConfigError` where it has no cells."""
    before = set(plt.get_fignums())
    try:
        return _rendered(draw_blocks(genotype) if isinstance(genotype, BlockGenotype) else draw_genotype(genotype))
    finally:
        for number in set(plt.get_fignums()) - before:  # also where drawing has failed half way
            plt.close(number)


def _rendered(figure: Figure) -> bytes:
    buffer = io.BytesIO()
    # a figure without a layout engine must not get one by being saved
    with style(), mpl.rc_context({"figure.constrained_layout.use": False}):
        figure.savefig(buffer, format="png", dpi=PIXELS)
    return buffer.getvalue()
