"""Runs: one recipe computed or loaded, many side by side, and what is kept of them."""

from nascore.records.record import load_run as load_run
from nascore.runs.kept import keep as keep
from nascore.runs.many import run_many as run_many
from nascore.runs.one import run as run
