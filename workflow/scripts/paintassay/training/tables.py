"""Tables of training: time, costs and architectures."""

from paintassay.core.tables import count, integer, real, table_schema, text

TIMING = table_schema(
    "Time and memory of each epoch; not the same the next time.",
    ("epoch", integer, "number of the epoch, from 1"),
    ("training_seconds", real, "seconds of training", count),
    ("validation_seconds", real, "seconds of validation", count),
    ("samples", integer, "samples trained on", count),
    (
        "peak_memory_mb",
        real,
        "most memory in use, in MB: of one GPU, or of the process on a CPU",
        count,
    ),
    ("device", text, "name of the device"),
)

COSTS = table_schema(
    "What each model costs; times and memory over all its jobs, as far as they were measured.",
    ("model", text, "name of the model"),
    ("parameters", integer, "trained parameters", count),
    ("gmacs", real, "10^9 multiply-accumulates for one sample, in evaluation", count),
    ("seconds_per_epoch", real, "training seconds of an epoch, median", "optional", count),
    (
        "samples_per_second",
        real,
        "training samples a second, median over epochs",
        "optional",
        count,
    ),
    ("peak_memory_mb", real, "largest peak of a device's memory in MB", "optional", count),
    ("device", text, "devices that it was trained on, separated by ;", "optional"),
)

ARCHITECTURES = table_schema(
    "Figure S5: the layers of each network, in the order in which they compute. Sums, "
    "concatenations and averages between layers are no rows.",
    ("model", text, "name of the model"),
    ("layer", text, "where the layer stands in the network"),
    ("kind", text, "its class in PyTorch"),
    ("settings", text, "what it was made with"),
    ("output", text, "shape of what it gives for one sample"),
    ("parameters", integer, "its parameters; 0 where it is used again", count),
)
