"""Results travel: what is computed in double precision does not depend on the CPU's instructions."""

import json
import math
import os
import subprocess
import sys
from itertools import chain

import pytest
import torch

from nascore.base import paths

PROGRAM = """
import json, sys, torch, nascore
found = {}
for precision in ("float64", "float32"):
    here = dict(device="cpu", root=sys.argv[1], precision=precision, fresh=True, progress=False, verbose=False)
    runs = [nascore.run("darts", "smoke", **here), nascore.run("retraining", "smoke", genotype="DARTS_V2", **here)]
    weights = [[float(weight.flatten()[0]) for weight in run.weights().values()] for run in runs]
    rows = [run.history.drop(columns="seconds").values.tolist() for run in runs]
    found[precision] = [
        [[*row, one], run.metrics, run.result["genotype"]] for row, one, run in zip(rows, weights, runs)
    ]
print(json.dumps([torch.backends.cpu.get_cpu_capability(), found]))
"""
OLD = {"ATEN_CPU_CAPABILITY": "default", "ONEDNN_MAX_CPU_ISA": "SSE41", "MKL_ENABLE_INSTRUCTIONS": "SSE4_2"}
known = pytest.mark.skipif(
    not torch.backends.cpu.get_cpu_capability().startswith("AVX"), reason="torch knows one kind of instructions here"
)


@pytest.fixture(scope="module")
def computed(tmp_path_factory):
    """What this CPU computes, and what one without its newer instructions does: by precision, two runs each."""
    found = []
    for instructions in ({}, OLD):
        command = [sys.executable, "-c", PROGRAM, str(tmp_path_factory.mktemp("runs"))]
        own = os.environ | {"PYTHONPATH": str(paths.root()), "OMP_NUM_THREADS": "1"} | instructions
        said = subprocess.run(command, env=own, capture_output=True, text=True, check=True).stdout
        capability, runs = json.loads(said.splitlines()[-1])
        assert not instructions or capability == "DEFAULT"
        found.append(runs)
    return found


def difference(ours, theirs):
    """The largest relative one of any number in two runs' histories and metrics, or of one of each kind of weights;
    infinite for another genotype.
    """
    pairs = []
    for (history, metrics, genotype), (other_history, other_metrics, other_genotype) in zip(ours, theirs, strict=True):
        if genotype != other_genotype:
            return math.inf
        pairs += zip(chain(*history), chain(*other_history), strict=True)
        pairs += [(metrics[name], other_metrics[name]) for name in metrics.keys() | other_metrics.keys()]
    return max(abs(one - other) / max(abs(one), abs(other), 1e-6) for one, other in pairs)


@known
def test_in_double_precision_a_search_and_a_retraining_agree_to_nine_digits(computed):
    own, old = computed
    assert difference(own["float64"], old["float64"]) < 1e-9


@known
def test_in_single_precision_they_do_not(computed):
    """Or the test above would say nothing."""
    own, old = computed
    assert difference(own["float32"], old["float32"]) > 1e-9
