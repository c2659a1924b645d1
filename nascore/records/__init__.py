"""What a run leaves behind: its record, its checkpoints, and the environment that it ran in."""

from nascore.records.record import ArchitectureHistory as ArchitectureHistory
from nascore.records.record import Result as Result
from nascore.records.record import Run as Run
from nascore.records.record import load_run as load_run
