"""Several processes that train one network, as `torchrun` starts them: who they are, and what they tell each other."""

import atexit
import gc
import os
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import torch
from torch import Tensor, nn
from torch import distributed as dist

from nascore.base.errors import ConfigError

_PATIENCE = timedelta(minutes=30)  # for the slowest process; torchrun ends the others as soon as one fails


@dataclass(frozen=True)
class Team:
    """The processes of one run: this one is number `rank` of `size`. Alone, whatever it is asked for costs nothing."""

    rank: int = 0
    size: int = 1

    @property
    def leads(self) -> bool:
        """Whether this is the process that writes, prints and decides."""
        return self.rank == 0

    def agree(self, value: Any) -> Any:
        """What the leader calls with, in every process; who comes first waits for the leader."""
        if self.size == 1:
            return value
        said = [value]
        dist.broadcast_object_list(said, src=0, device=torch.device("cpu"))
        return said[0]

    def gather(self, value: Any) -> list[Any]:
        """What each process calls with, by rank."""
        if self.size == 1:
            return [value]
        said: list[Any] = [None] * self.size
        dist.all_gather_object(said, value)
        return said

    def add(self, *values: Tensor) -> list[Tensor]:
        """The sums over all processes."""
        if self.size == 1:
            return list(values)
        total = torch.stack([value.double() for value in values])
        dist.all_reduce(total)
        return list(total)

    def parallel(self, module: nn.Module, device: torch.device) -> nn.Module:
        """`module`, whose gradients are from now on the mean over all processes; its weights become the leader's.

        BatchNorm takes the statistics of each process's part of a batch, as is the custom; the leader's are kept.
        """
        if self.size == 1:
            return module
        devices = [device] if device.type == "cuda" else None
        # a static graph: a pruned cell may have weights that nothing reads, the same ones in every step
        replica = nn.parallel.DistributedDataParallel(module, devices, static_graph=True)
        if device.type == "cpu":
            replica.register_comm_hook(None, _averaged_in_order)
        return replica

    def copy_buffers(self, module: nn.Module) -> None:
        """Give every process the leader's buffers, BatchNorm's running statistics."""
        if self.size > 1:
            for buffer in module.buffers():
                dist.broadcast(buffer, src=0)


# torch reads the annotation of a hook, and its own files of types do not name this class
def _averaged_in_order(_: None, bucket: dist.GradBucket) -> torch.futures.Future[Tensor]:  # type: ignore[name-defined]
    """The mean of a bucket's gradients over all processes, added up by rank.

    gloo's own sum has an order that depends on a gradient's place in its bucket, and torch fills the buckets anew after
    the first step: with three processes or more, a run that goes on from a checkpoint would end with other bits.
    """
    parts = [torch.empty_like(bucket.buffer()) for _ in range(dist.get_world_size())]
    gathered = dist.all_gather(parts, bucket.buffer(), async_op=True).get_future()
    return gathered.then(lambda _: sum(parts[1:], start=parts[0]).div_(len(parts)))


ALONE = Team()


def team() -> Team:
    """This process's place among those that `torchrun` started, or alone.

    Raises `ConfigError` where only some of its variables are set.
    """
    names = ("RANK", "WORLD_SIZE", "LOCAL_RANK")
    if "WORLD_SIZE" not in os.environ:
        return ALONE
    if missing := [name for name in names if name not in os.environ]:
        raise ConfigError(f"WORLD_SIZE is set but not {', '.join(missing)}: start several processes with torchrun")
    return Team(int(os.environ["RANK"]), int(os.environ["WORLD_SIZE"]))


def check_alone(task: str) -> None:
    """Raise `ConfigError` where `torchrun` started several processes, which `task` cannot share."""
    if team().size > 1:
        raise ConfigError(f"{task} runs in one process: start it without torchrun, or one a process")


def join(device: torch.device) -> Team:
    """Meet the other processes, where there are any; they stay together until this process ends."""
    found = team()
    if found.size > 1 and not dist.is_initialized():
        if device.type == "cuda":
            torch.cuda.set_device(device)
        dist.init_process_group("cpu:gloo,cuda:nccl" if device.type == "cuda" else "gloo", timeout=_PATIENCE)
        atexit.register(_part)
    return found


def _part() -> None:
    """Leave the group while Python still runs: whatever holds on to it would let its threads go on, and abort."""
    gc.collect()  # replicas are parts of circles
    dist.destroy_process_group()
