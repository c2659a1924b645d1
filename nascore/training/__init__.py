"""Training: what all of it shares, and the training of a network from scratch."""

from nascore.training.retraining import Training as Training
from nascore.training.retraining import TrainingSettings as TrainingSettings
from nascore.training.settings import DataSettings as DataSettings
from nascore.training.settings import SgdSettings as SgdSettings
