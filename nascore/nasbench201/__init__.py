"""NAS-Bench-201 (Dong and Yang 2020): a space of 15,625 cells, each of which has been trained, and how well they did.

cell = BenchmarkCell.parse("|nor_conv_3x3~0|+|none~0|skip_connect~1|+|none~0|none~1|avg_pool_3x3~2|")
table = load_table()
table.accuracy(cell).test["cifar10"], table.rank(cell), table.mean()
"""

from nascore.nasbench201.cells import CELLS, EDGES, OPERATIONS, OUTPUT, BenchmarkCell, Collapse, all_cells
from nascore.nasbench201.table import BENCHMARKS, MEASURES, Accuracies, Rank, Table, available, load_table

__all__ = [
    "BENCHMARKS",
    "CELLS",
    "EDGES",
    "MEASURES",
    "OPERATIONS",
    "OUTPUT",
    "Accuracies",
    "BenchmarkCell",
    "Collapse",
    "Rank",
    "Table",
    "all_cells",
    "available",
    "load_table",
]
