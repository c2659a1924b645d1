"""Figures from run records and genotypes alone: functions return axes or a figure in the project's style.

None of them shows it.

    with figures.style(): ...                # for drawings of one's own
    figures.draw_genotype(run.genotype)      # cells as papers print them
    figures.draw_weights(run.architecture_weights, "normal", chosen=run.genotype.cells()["normal"])
    figures.draw_training({"DARTS": runs}, "test_accuracy")
    figures.draw_network(kinds(20, (6, 13), 3))  # of nascore.macro
    figures.draw_correlation(points)         # whether a search's weights say what operations are worth
    figures.save(figure, "darts/cells", figures.genotype_table(run.genotype), runs=[run])
"""

from nascore.figures.blocks import draw_block, draw_blocks
from nascore.figures.cells import draw_cell, draw_genotype, drawn_boxes, genotype_table
from nascore.figures.change import draw_change
from nascore.figures.correlation import draw_correlation
from nascore.figures.curves import draw_comparison, draw_training, metric_label, training_table
from nascore.figures.density import draw_density
from nascore.figures.depths import draw_depths
from nascore.figures.flow import Box, draw_flow
from nascore.figures.flows import draw_adversarial, draw_pipeline
from nascore.figures.functions import draw_function
from nascore.figures.growth import draw_growth
from nascore.figures.images import draw_images
from nascore.figures.kept import draw_kept
from nascore.figures.landscape import draw_landscape
from nascore.figures.masks import draw_masks
from nascore.figures.network import draw_network, draw_stages_of_blocks
from nascore.figures.ranks import draw_ranks
from nascore.figures.routes import Arrow
from nascore.figures.sampling import draw_sampling
from nascore.figures.saving import save
from nascore.figures.scales import draw_scales
from nascore.figures.spectrograms import draw_spectrograms
from nascore.figures.speed import draw_speed
from nascore.figures.stages import draw_stages
from nascore.figures.style import COLUMN, OPERATION_COLOURS, PAGE, node_name, operation_look, style
from nascore.figures.subgraphs import draw_block_search, draw_pruning_of_a_graph
from nascore.figures.survivors import draw_survivors
from nascore.figures.tradeoff import draw_tradeoff
from nascore.figures.weights import draw_weights

__all__ = [
    "COLUMN",
    "OPERATION_COLOURS",
    "PAGE",
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
