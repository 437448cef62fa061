__version__: str
__all__: list[str]

from fxkit.ablation.run import run_ablation as run_ablation
from fxkit.ablation.settings import AblationOptions as AblationOptions
from fxkit.ablation.settings import read_ablation_settings as read_ablation_settings
from fxkit.api import CopyGroups as CopyGroups
from fxkit.api import CopyMatch as CopyMatch
from fxkit.api import clean_image as clean_image
from fxkit.api import find_copies as find_copies
from fxkit.api import predict as predict
from fxkit.audit.page import build_audit as build_audit
from fxkit.config import Config as Config
from fxkit.config import load_config as load_config
from fxkit.data.manifest import Record as Record
from fxkit.data.manifest import read_manifest as read_manifest
from fxkit.data.manifest import write_manifest as write_manifest
from fxkit.evaluation.compare_runs import compare_predictions as compare_predictions
from fxkit.evaluation.compare_runs import compare_runs as compare_runs
from fxkit.evaluation.evaluate import EvaluationOptions as EvaluationOptions
from fxkit.evaluation.evaluate import evaluate_other as evaluate_other
from fxkit.evaluation.evaluate import evaluate_run as evaluate_run
from fxkit.index.build import IndexOptions as IndexOptions
from fxkit.index.build import index_data as index_data
from fxkit.index.build import write_index as write_index
from fxkit.index.splits.assign import assign_splits as assign_splits
from fxkit.metrics.group_interval import group_interval as group_interval
from fxkit.metrics.intervals import Interval as Interval
from fxkit.metrics.predictions import Predictions as Predictions
from fxkit.metrics.summary import evaluate_predictions as evaluate_predictions
from fxkit.training.train import TrainOptions as TrainOptions
from fxkit.training.train import train as train
from preprocess.folder.clean_folder import FolderOptions as FolderOptions
from preprocess.folder.clean_folder import clean_folder as clean_folder
from preprocess.images import read_image as read_image
from preprocess.settings import CleanSettings as CleanSettings
