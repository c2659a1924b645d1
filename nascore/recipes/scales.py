"""The profiles' numbers, the same for every method of a kind: one protocol, so that methods can be compared.

Each maps a profile to the settings that it changes; the `paper` profile changes nothing.
"""

# searches in the DARTS space
SEARCH = {
    "smoke": {
        "dataset": "digits",
        "train_images": 200,
        "epochs": 2,
        "batch_size": 32,
        "space__cells": 2,
        "space__reductions": (1,),
        "space__channels": 4,
        "space__nodes": 2,
    },
    "demo": {
        "dataset": "digits",
        "train_images": 1000,
        "epochs": 6,
        "batch_size": 64,
        "learning_rate": 0.1,
        "final_learning_rate": 0.01,
        "optimization__learning_rate": 0.02,
        "space__cells": 2,
        "space__reductions": (1,),
        "space__channels": 4,
        "space__nodes": 3,
    },
    "gpu": {"dataset": "cifar10", "epochs": 25, "batch_size": 256, "learning_rate": 0.1, "precision": "bfloat16"},
}

# the same where weights can become zero: longer, and alpha moves more slowly, or 3-entmax cuts at its first step
SPARSE_SEARCH = SEARCH | {
    "demo": SEARCH["demo"] | {"epochs": 12, "optimization__learning_rate": 0.01},
    "gpu": SEARCH["gpu"] | {"epochs": 50},
}

# searches in NAS-Bench-201
SEARCH_201 = {
    "smoke": {
        "dataset": "digits",
        "train_images": 200,
        "epochs": 2,
        "batch_size": 32,
        "space__cells": 1,
        "space__channels": 4,
    },
    "demo": {
        "dataset": "digits",
        "train_images": 1000,
        "epochs": 20,
        "batch_size": 64,
        "learning_rate": 0.1,
        "final_learning_rate": 0.01,
        "optimization__learning_rate": 0.01,
        "space__cells": 1,
        "space__channels": 8,
    },
    "gpu": SEARCH["gpu"] | {"epochs": 50},
}

# retraining of derived networks and baselines
RETRAINING = {
    "smoke": {
        "dataset": "digits",
        "train_images": 200,
        "test_images": 100,
        "epochs": 2,
        "batch_size": 32,
        "cells": 2,
        "reductions": (1,),
        "channels": 4,
        "cutout": 2,
    },
    "demo": {
        "dataset": "digits",
        "train_images": 1000,
        "epochs": 8,
        "batch_size": 64,
        "learning_rate": 0.1,
        "cells": 3,
        "reductions": (1,),
        "channels": 8,
        "cutout": 0,
        "drop_path": 0.0,
        "auxiliary_weight": 0.0,
    },
    "gpu": {
        "epochs": 40,
        "cells": 8,
        "batch_size": 128,
        "learning_rate": 0.05,
        "cutout": 16,
        "precision": "bfloat16",
    },
}
