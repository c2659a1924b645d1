"""Devices by name: those that are computed on, and no other that torch knows."""

import pytest
import torch

from nascore.base.errors import ConfigError
from nascore.records.environment import find_device


@pytest.mark.parametrize(
    "name", ["meta", "mps", "xpu", "hpu", "cpu:3", "cuda:", "cuda:-1", "", "cpu\n", "é", "x" * 1000]
)
def test_other_devices_are_refused(name):
    with pytest.raises(ConfigError, match=r"unknown device .* are auto, cpu"):
        find_device(name)


@pytest.mark.parametrize("name", ["cuda:99", "cuda:9999999999999999999999"])
def test_a_gpu_that_there_is_not(name):
    with pytest.raises(ConfigError, match=r"device 'cuda:9.*cpu"):
        find_device(name)


def test_the_cpu():
    assert find_device("cpu") == torch.device("cpu")
