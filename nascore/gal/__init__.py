"""DARTS-GAL: adversarial learning of which nodes a trained network can do without (Zhang et al., section 2.3)."""

from nascore.gal.game import Discriminator as Discriminator
from nascore.gal.game import adversarial_loss as adversarial_loss
from nascore.gal.game import discriminator_loss as discriminator_loss
from nascore.gal.game import imitation_loss as imitation_loss
from nascore.gal.masked import MaskedNetwork as MaskedNetwork
from nascore.gal.masked import extracted as extracted
from nascore.gal.pruning import Gal as Gal
from nascore.gal.pruning import GalSettings as GalSettings
from nascore.gal.told_apart import auc as auc
from nascore.gal.told_apart import trained_alone as trained_alone
from nascore.gal.told_apart import untrained as untrained
from nascore.networks.node_pruning import every_node as every_node
from nascore.networks.node_pruning import largest_nodes as largest_nodes
from nascore.networks.node_pruning import magnitudes as magnitudes
from nascore.networks.node_pruning import pruned as pruned
from nascore.networks.node_pruning import random_nodes as random_nodes
