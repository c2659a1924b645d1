"""Optimization, the third question: who is updated when, on which data, and what is added to the loss?"""

from nascore.optimization.base import Batch as Batch
from nascore.optimization.base import Optimization as Optimization
from nascore.optimization.base import Outcome as Outcome
from nascore.optimization.base import Step as Step
from nascore.optimization.base import Stepper as Stepper
from nascore.optimization.bilevel import Bilevel as Bilevel
from nascore.optimization.bilevel import unrolled_gradient as unrolled_gradient
from nascore.optimization.budgets import AdaptiveFlops as AdaptiveFlops
from nascore.optimization.budgets import AdaptiveMac as AdaptiveMac
from nascore.optimization.budgets import Budget as Budget
from nascore.optimization.budgets import CostOfConnections as CostOfConnections
from nascore.optimization.budgets import Latency as Latency
from nascore.optimization.budgets import Place as Place
from nascore.optimization.budgets import block_flops as block_flops
from nascore.optimization.budgets import connection_mac as connection_mac
from nascore.optimization.budgets import measured_latency as measured_latency
from nascore.optimization.budgets import places as places
from nascore.optimization.proximal import Proximal as Proximal
from nascore.optimization.proximal_gradient import ProximalGradient as ProximalGradient
from nascore.optimization.proximal_gradient import soft_threshold as soft_threshold
from nascore.optimization.single_level import SingleLevel as SingleLevel
