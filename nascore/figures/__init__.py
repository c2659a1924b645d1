"""Figures from run records and genotypes alone: functions return axes or a figure in the project's style.

None of them shows it.

    with figures.style(): ...                # for drawings of one's own
    figures.draw_genotype(run.genotype)      # cells as papers print them
    figures.draw_weights(run.architecture_weights, "normal", chosen=run.genotype.cells()["normal"])
    figures.draw_training({"DARTS": runs}, "test_accuracy")
    figures.draw_network(kinds(20, (6, 13), 3))  # of nascore.networks
    figures.draw_correlation(points)         # whether a search's weights say what operations are worth
    figures.save(figure, "darts/cells", figures.genotype_table(run.genotype), runs=[run])
"""

from nascore.figures.architectures.blocks import draw_block, draw_blocks
from nascore.figures.architectures.cells import draw_cell, draw_genotype, drawn_boxes, genotype_table
from nascore.figures.architectures.depths import draw_depths
from nascore.figures.architectures.network import draw_network, draw_stages_of_blocks
from nascore.figures.inputs.images import draw_images
from nascore.figures.inputs.spectrograms import draw_spectrograms
from nascore.figures.methods.flow import Box, draw_flow
from nascore.figures.methods.flows import draw_adversarial, draw_pipeline
from nascore.figures.methods.functions import draw_function
from nascore.figures.methods.routes import Arrow
from nascore.figures.methods.subgraphs import draw_block_search, draw_pruning_of_a_graph
from nascore.figures.pruning.kept import draw_kept
from nascore.figures.pruning.masks import draw_masks
from nascore.figures.results.change import draw_change
from nascore.figures.results.correlation import draw_correlation
from nascore.figures.results.curves import draw_comparison, draw_training, metric_label, training_table
from nascore.figures.results.factorial import draw_factorial
from nascore.figures.results.landscape import draw_landscape
from nascore.figures.results.speed import draw_speed
from nascore.figures.results.tradeoff import draw_tradeoff
from nascore.figures.results.verdicts import draw_verdicts
from nascore.figures.searches.density import draw_density
from nascore.figures.searches.growth import draw_growth
from nascore.figures.searches.ranks import draw_ranks
from nascore.figures.searches.sampling import draw_sampling
from nascore.figures.searches.scales import draw_scales
from nascore.figures.searches.stages import draw_stages
from nascore.figures.searches.survivors import draw_survivors
from nascore.figures.searches.weights import draw_weights
from nascore.figures.shared.saving import save
from nascore.figures.shared.style import (
    COLUMN,
    OPERATION_COLOURS,
    PAGE,
    SERIES_COLOURS,
    node_name,
    operation_look,
    style,
)

__all__ = [
    "COLUMN",
    "OPERATION_COLOURS",
    "PAGE",
    "SERIES_COLOURS",
    "Arrow",
    "Box",
    "draw_adversarial",
    "draw_block",
    "draw_block_search",
    "draw_blocks",
    "draw_cell",
    "draw_change",
    "draw_comparison",
    "draw_correlation",
    "draw_density",
    "draw_depths",
    "draw_factorial",
    "draw_flow",
    "draw_function",
    "draw_genotype",
    "draw_growth",
    "draw_images",
    "draw_kept",
    "draw_landscape",
    "draw_masks",
    "draw_network",
    "draw_pipeline",
    "draw_pruning_of_a_graph",
    "draw_ranks",
    "draw_sampling",
    "draw_scales",
    "draw_spectrograms",
    "draw_speed",
    "draw_stages",
    "draw_stages_of_blocks",
    "draw_survivors",
    "draw_tradeoff",
    "draw_training",
    "draw_verdicts",
    "draw_weights",
    "drawn_boxes",
    "genotype_table",
    "metric_label",
    "node_name",
    "operation_look",
    "save",
    "style",
    "training_table",
]
