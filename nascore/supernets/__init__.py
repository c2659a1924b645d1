"""What computes a space: plain forms are to be read, and the reference; fast ones compute the same with less work.

There are such of the networks that genotypes describe, too.
"""

from nascore.supernets.fast_blocks import FastBlockSupernet as FastBlockSupernet
from nascore.supernets.fast_cells import FastBenchmarkSupernet as FastBenchmarkSupernet
from nascore.supernets.fast_cells import FastCellSupernet as FastCellSupernet
from nascore.supernets.fast_cells import FastSearchCell as FastSearchCell
from nascore.supernets.fast_networks import FastBenchmarkNetwork as FastBenchmarkNetwork
from nascore.supernets.fast_networks import FastBlockNetwork as FastBlockNetwork
from nascore.supernets.fast_networks import FastCellNetwork as FastCellNetwork
from nascore.supernets.plain_blocks import BlockSupernet as BlockSupernet
from nascore.supernets.plain_cells import BenchmarkSupernet as BenchmarkSupernet
from nascore.supernets.plain_cells import CellSupernet as CellSupernet
from nascore.supernets.plain_cells import SearchCell as SearchCell
from nascore.supernets.sharing import State as State
from nascore.supernets.sharing import Sum as Sum
from nascore.supernets.sharing import as_it_is as as_it_is
from nascore.supernets.sharing import computes as computes
