"""The rows that the page shows; its program reads those of its figures as JSON, by these names."""

from dataclasses import dataclass, field
from typing import NamedTuple


@dataclass(frozen=True)
class Costs:
    """A row of `training.tables.COSTS`, None where a value is missing."""

    model: str
    parameters: int
    gmacs: float
    seconds_per_epoch: float | None
    samples_per_second: float | None
    peak_memory_mb: float | None
    device: str | None


@dataclass(frozen=True)
class MethodRow:
    """A row of `statistics.tables.SUMMARY`, None where a value is missing; `name` is for people."""

    method: str
    runs: int
    tasks: int
    evaluable: int
    auc_mean: float | None
    auc_sd: float | None
    f1_mean: float | None
    f1_sd: float | None
    above_0_9: int | None
    above_0_8: int | None
    above_0_7: int | None
    auc_mean_compounds: float | None
    auc_sd_compounds: float | None
    average_precision_mean: float | None
    balanced_accuracy_mean: float | None
    median_split: int | None
    median_replicate: int | None
    name: str
    colour: str
    costs: Costs | None


@dataclass(frozen=True)
class TaskResult:
    """What a method reaches in a task.

    The first six are columns of `statistics.tables.TASKS`, the others are of the method's median
    run; `test` are the numbers of active and of inactive compounds of its test part.
    """

    runs: int
    auc: float | None
    auc_sd: float | None
    f1: float | None
    average_precision: float | None
    auc_compounds: float | None
    auc_run: float | None
    low: float | None
    high: float | None
    enrichment_5: float | None
    test: tuple[int, int] | None


@dataclass(frozen=True)
class ExampleView:
    """A view of a compound, with the place of its picture and the prediction of its compound."""

    picture: int
    inchikey: str
    plate: str
    well: str
    site: int
    score: float


@dataclass(frozen=True)
class TaskExamples:
    """Views of active compounds that are predicted highest, and of inactive ones, lowest."""

    hits: list[ExampleView] = field(default_factory=list)
    misses: list[ExampleView] = field(default_factory=list)


@dataclass(frozen=True)
class AssayRow:
    """A task, and all that was measured in it: `results` and `curves` have an item a method.

    A curve has false and true positives in thousandths, one after the other.
    """

    task: str
    id: str
    title: str
    description: str | None
    target: str | None
    organism: str | None
    type: str | None
    kind: str
    actives: int
    inactives: int
    results: list[TaskResult | None]
    curves: list[list[int] | None]
    notes: list[str]
    examples: TaskExamples | None


class RocTest(NamedTuple):
    """AUCs of two methods in a task, and p-values of the tests of their ROC curves.

    The first three p-values are Venkatraman's: uncorrected, and corrected by Benjamini and
    Hochberg, and by Holm. As JSON it is a list, for there are many.
    """

    auc_first: float
    auc_second: float
    pvalue: float | None
    benjamini_hochberg: float | None
    holm: float | None
    valid_pvalue: float | None
    delong_pvalue: float | None


@dataclass(frozen=True)
class PairRow:
    """Two methods, by their places, in a run that both have; `rows` has an item a task.

    `correlation` is Pearson's, of the AUCs in the tasks that are `compared`.
    """

    first: int
    second: int
    split: int
    replicate: int
    compared: int
    correlation: float | None
    rows: list[RocTest | None]


@dataclass(frozen=True)
class WilcoxonTest:
    """A row of `statistics.tables.WILCOXON`, None where a value is missing."""

    better: str
    worse: str
    pairs: int
    pvalue: float | None
    holm: float | None
    benjamini_hochberg: float | None
    effect_size: float | None
    median_difference: float | None


@dataclass(frozen=True)
class TrainingRow:
    """A training with its curves; `method` is the place of its method, `best` the epoch kept."""

    method: int
    split: int
    replicate: int
    best: int | None
    seconds: float | None
    epochs: list[int]
    training_loss: list[float | None]
    validation_loss: list[float | None]
    validation_auc: list[float | None]
    tasks: list[int]


@dataclass(frozen=True)
class SplitPart:
    """A row of `dataset.tables.PARTS`."""

    split: int
    part: str
    compounds: int
    compounds_with_views: int
    views: int


@dataclass(frozen=True)
class Picture:
    """A JPEG picture as a data URL, with its size in pixels."""

    src: str
    width: int
    height: int


@dataclass(frozen=True)
class Panel:
    """A picture of a channel in its colour (``#RRGGBB``), or of all channels, without a colour."""

    picture: Picture
    name: str
    colour: str | None


@dataclass(frozen=True)
class PageExamples:
    """Example images of the tasks, chosen by the predictions of a run, and of all channels."""

    method: str | None = None
    split: int | None = None
    replicate: int | None = None
    by_task: dict[str, TaskExamples] = field(default_factory=dict)
    pictures: list[Picture] = field(default_factory=list)
    panels: list[Panel] = field(default_factory=list)
    view: str = ""
