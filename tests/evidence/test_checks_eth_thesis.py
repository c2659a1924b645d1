"""Checkers of the ETH thesis's own: each is given numbers that hold and numbers that do not, and says the sum."""

import pytest

from nascore.base.errors import ConfigError
from nascore.evidence.checks import eth_thesis
from nascore.evidence.checks.base import Sources
from nascore.evidence.verdicts import FAILS, HOLDS, UNTOLD
from nascore.networks import PUBLISHED, CellNetwork, count

THESIS = Sources("eth_thesis")
MIXED = ["sep_conv_3x3", "skip_connect", "avg_pool_3x3"]
LAYOUTS = [{"cells": 26, "channels": 36}, {"cells": 20, "channels": 42}]


def test_sizes_of_cells_that_the_thesis_does_not_write_down():
    asked = {"nodes": 3, "among": MIXED, "layouts": LAYOUTS}
    found = eth_thesis.one_cell_has(THESIS, **asked, printed=["3.36", "3.44"])
    assert found.verdict == HOLDS and found.values == {"found": 3, "of": 28**2}  # of 4 sep 3x3, with 0, 1 or 2 skips
    assert eth_thesis.one_cell_has(THESIS, **asked, printed=["3.36", "3.37"]).verdict == FAILS
    with pytest.raises(ConfigError, match="there are 2 and 1"):
        eth_thesis.one_cell_has(THESIS, **asked, printed=["3.36"])
    with pytest.raises(ConfigError, match="a layout is"):
        eth_thesis.one_cell_has(THESIS, **asked | {"layouts": [{"cells": 3}] * 2}, printed=["3.36", "3.44"])
    with pytest.raises(ConfigError, match="unknown operation 'sep_conv_3'"):
        eth_thesis.one_cell_has(THESIS, **asked | {"among": ["sep_conv_3"]}, printed=["3.36", "3.44"])
    assert eth_thesis.skips_fit(THESIS, printed="2.2", skips=[0, 4, 7]).verdict == HOLDS
    assert eth_thesis.skips_fit(THESIS, printed="2.8", skips=[0, 4, 7]).verdict == FAILS
    assert eth_thesis.skips_fit(THESIS, printed="2.8", skips=[0, 0, 0]).verdict == HOLDS
    with pytest.raises(ConfigError, match="8 edges, not 9"):
        eth_thesis.skips_fit(THESIS, printed="2.8", skips=[0, 9, 0])


@pytest.mark.parametrize("name", ["PDARTS", "GDAS_V1", "SNAS_mild"])
def test_sizes_and_operations_are_sums_over_places(name):
    """For the search among cells: against the network itself."""
    genotype = PUBLISHED[name]
    base, costs = eth_thesis._costs(4, 1, 20, 36)
    network, total = CellNetwork(genotype), base.copy()
    for kind, each in enumerate(genotype.cells().values()):
        for operation, source, _ in each.edges():
            if operation != "skip_connect" or source < 2:  # the others cost nothing
                total += costs[eth_thesis._USABLE.index(operation), kind]
    assert total[0] == count(network, (3, 32, 32)).parameters
    assert total[1] == eth_thesis._operations(network).sum()


def test_operations_as_the_thesis_counts_them():
    found = eth_thesis.operations_counted(THESIS, printed="543", network="PDARTS")
    assert found.verdict == HOLDS and found.values["total"] == pytest.approx(542.6, abs=0.05)
    assert eth_thesis.operations_counted(THESIS, printed="532", network="PDARTS").verdict == FAILS
    assert eth_thesis.operations_counted(THESIS, printed="543", network="DARTS_V2").verdict == FAILS
    with pytest.raises(ConfigError, match="no genotype of the DARTS space"):
        eth_thesis.operations_counted(THESIS, printed="543", network="|none~0|+|none~0|none~1|+|none~0|none~1|none~2|")
    assert eth_thesis.size_and_operations(THESIS, size="2.56", operations="551").verdict == HOLDS
    assert eth_thesis.size_and_operations(THESIS, size="2.56", operations="900").verdict == UNTOLD
    found = eth_thesis.nodes_concatenate(THESIS, printed="3.43", network="PDARTS")
    assert found.verdict == FAILS and found.values["concatenated"] > 4.7
    assert eth_thesis.nodes_concatenate(THESIS, printed="6.2", network="PDARTS").verdict == HOLDS


def test_what_else_only_the_thesis_needs():
    assert eth_thesis.few_architecture_weights(THESIS, normal_types=3, share=0.01).verdict == HOLDS
    assert eth_thesis.few_architecture_weights(THESIS, normal_types=3, share=0.0001).verdict == FAILS
    assert eth_thesis.deep_separable(THESIS, halved=False, relation=">=", times=1.5).verdict == HOLDS
    assert eth_thesis.deep_separable(THESIS, halved=True, relation=">=", times=1.5).verdict == FAILS
    assert eth_thesis.labels_there(THESIS, to="figure", named=["1.1", "A.4"]).verdict == HOLDS
    found = eth_thesis.labels_there(THESIS, to="table", named=["4.1", "4.6"])
    assert (found.verdict, found.said) == (FAILS, "1 of 2 are there, not 4.6")
