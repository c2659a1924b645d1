"""Shared by all tests: few threads (tests run side by side), and small things to try the library on."""

import os

import hypothesis
import pytest
import torch

from nascore.networks import Cell, Genotype

torch.set_num_threads(1)
# the same for notebooks' kernels: beside other processes, threads that wait for each other stall for milliseconds
os.environ.setdefault("OMP_NUM_THREADS", "1")

# The same examples in every run, so that a failure is a failure for everybody; `explore` looks for new ones.
hypothesis.settings.register_profile("same", derandomize=True, deadline=None)
hypothesis.settings.register_profile("explore", deadline=None)
hypothesis.settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "same"))


@pytest.fixture
def generator():
    return torch.Generator().manual_seed(0)


@pytest.fixture
def genotype():
    """A small genotype with two intermediate nodes, one of which has a single input."""
    normal = Cell(((("sep_conv_3x3", 0), ("skip_connect", 1)), (("max_pool_3x3", 2),)), (2, 3))
    reduce = Cell(((("skip_connect", 0), ("dil_conv_3x3", 1)), (("avg_pool_3x3", 0), ("none", 2))), (2, 3))
    return Genotype((normal,), reduce)
