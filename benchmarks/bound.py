"""What no step can be faster than: what it keeps for its backward pass is written once and read once.

In bytes over the bandwidth of the memory, measured in the same run. Small activations never leave the caches, and for
them this is no bound; for large ones a step that computes nothing twice cannot pass it.
"""

from collections.abc import Callable, Iterable

import torch
from torch import Tensor

from benchmarks.timing import clock, compare

_COPIED = 2**28  # bytes, more than any cache holds


def bandwidth(device: torch.device) -> float:
    """Bytes a second that are read or written while a large tensor is copied."""
    source = torch.ones(_COPIED, dtype=torch.uint8, device=device)
    target = torch.zeros_like(source)
    return 2 * _COPIED / compare({"copy": lambda: target.copy_(source)}, clock=clock(device))["copy"]


def kept(compute: Callable[[], object], weights: Iterable[Tensor]) -> int:
    """Bytes that a forward pass keeps for its backward pass, weights not among them."""
    sizes: dict[int, int] = {}
    given = {weight.untyped_storage().data_ptr() for weight in weights}

    def pack(x: Tensor) -> Tensor:
        storage = x.untyped_storage()
        if storage.data_ptr() not in given:
            sizes[storage.data_ptr()] = storage.nbytes()
        return x

    with torch.autograd.graph.saved_tensors_hooks(pack, lambda x: x):
        result = compute()  # which holds them, so that no memory is counted twice
    del result
    return sum(sizes.values())
