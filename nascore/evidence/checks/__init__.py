"""What checks claims: functions that a claim names, general ones and one module for what only one paper needs."""

from nascore.evidence.checks.base import Finding as Finding
from nascore.evidence.checks.base import Sources as Sources
