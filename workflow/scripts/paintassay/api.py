"""The part of the library that stays, for notebooks and other programs.

Names and signatures here change only with a new major version, and the changelog says so. All
else may move at any time.
"""

from paintassay.images.scaling import to_uint8
from paintassay.metrics.bootstrap import bootstrap_auc
from paintassay.metrics.measures import task_auc
from paintassay.metrics.roc import venkatraman_test
from paintassay.models._registry import build_model

__all__ = ["bootstrap_auc", "build_model", "task_auc", "to_uint8", "venkatraman_test"]
