"""What every room stands on: settings as values, errors that name the remedy, files, paths, processes."""

from nascore.base import ranges as ranges
from nascore.base.answers import Answer as Answer
from nascore.base.config import Settings as Settings
from nascore.base.config import override as override
from nascore.base.errors import ConfigError as ConfigError
