"""Whole steps as CUDA graphs: on a GPU a supernet step is thousands of launches, and they are its time."""

import warnings
from collections.abc import Callable, Hashable, Sequence
from typing import Any

import torch
from torch import Tensor

Step = Callable[..., Any]  # tensors or None -> a tuple of tensors


class Replayed:
    """A step that is launched as a whole: recorded as a CUDA graph, then replayed with new inputs.

    Called as `replayed(key, *inputs)`, with the inputs of `step`: tensors, or None. The first `WARM_UP` calls run the
    step as it is, and so does every call whose inputs have other shapes than those recorded (an epoch's last batch). A
    new `key` drops the recording: it stands for all that the step's code depends on beside its inputs, such as which
    operations are alive. What the step returns is overwritten by the next call. The step must wait for nothing on the
    CPU; randomness must come from `generators`. A step that cannot be recorded runs on as it is, with a warning.

    `record` is for tests: it makes of a callable one that repeats it.
    """

    WARM_UP = 3

    def __init__(
        self,
        step: Step,
        generators: Sequence[torch.Generator] = (),
        record: Callable[[Callable[[], Any]], tuple[Callable[[], None], Any]] | None = None,
    ):
        self.step, self.generators = step, generators
        self._record = record or self._record_graph
        self._key: Hashable = None
        self._forget()
        self._failed = False

    def __call__(self, key: Hashable, *inputs: Tensor | None) -> Any:
        if key != self._key:
            self._key = key
            self._forget()
        if self._failed or self._calls < self.WARM_UP:
            self._calls += 1
            return self.step(*inputs)
        if self._replay is None and not self._try_to_record(inputs):
            return self.step(*inputs)
        if [_shape(x) for x in inputs] != [_shape(x) for x in self._inputs]:
            return self.step(*inputs)
        for own, given in zip(self._inputs, inputs, strict=True):
            if own is not None and given is not None:
                own.copy_(given, non_blocking=True)
        assert self._replay is not None
        self._replay()
        return self._outputs

    def _forget(self) -> None:
        self._calls = 0
        self._replay: Callable[[], None] | None = None
        self._inputs: list[Tensor | None] = []
        self._outputs: Any = None

    def _try_to_record(self, inputs: Sequence[Tensor | None]) -> bool:
        self._inputs = [None if x is None else x.clone() for x in inputs]
        try:
            self._replay, self._outputs = self._record(lambda: self.step(*self._inputs))
        except RuntimeError as error:
            self._failed = True
            self._forget()
            warnings.warn(f"a step cannot be recorded as a CUDA graph and runs slower: {error}", stacklevel=3)
        return self._replay is not None

    def _record_graph(self, step: Callable[[], Any]) -> tuple[Callable[[], None], Any]:
        graph = torch.cuda.CUDAGraph()
        for generator in self.generators:
            graph.register_generator_state(generator)
        with torch.cuda.graph(graph):  # recording computes nothing: the replay that follows does
            outputs = step()
        return graph.replay, outputs


def _shape(x: Tensor | None) -> tuple[Any, ...] | None:
    return None if x is None else (tuple(x.shape), x.dtype)
