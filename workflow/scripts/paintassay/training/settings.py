"""The settings of a training."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Settings:
    """How a model is trained; the configuration explains each."""

    learning_rate: float
    momentum: float
    weight_decay: float
    batch_size: int
    epochs: int
    gradient_norm: float = 5.0
    seed: int = 0
    share: float = 1.0
    micro_batch: int | None = None
    precision: str = "float32"
    channels_last: bool = False
    compile: bool = False
    threads: int = 2
