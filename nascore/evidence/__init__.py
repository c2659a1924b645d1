"""What can be said: printed and measured numbers side by side, findings from records, true accuracies."""

from nascore.evidence.all_runs import all_runs as all_runs
