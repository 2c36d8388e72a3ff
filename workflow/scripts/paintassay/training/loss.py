"""The loss of the study: binary cross-entropy over the labels that there are."""

import torch
from torch.nn.functional import softplus


def masked_loss(
    logits: torch.Tensor, labels: torch.Tensor, count: float | torch.Tensor | None = None
) -> torch.Tensor:
    """Binary cross-entropy, averaged over the labels that are not missing.

    The cross-entropy of a label y (+1 or -1) and a logit z is log(1 + exp(-y z)). Sums are in
    float32, whatever the logits are. A logit whose label is missing has no influence, even if
    it is not finite. Nothing here waits for the device.

    Parameters
    ----------
    logits : torch.Tensor of float, (batch, tasks)
    labels : torch.Tensor of int or float, (batch, tasks)
        +1 active, -1 inactive, 0 missing.
    count : number or torch.Tensor of shape (), optional
        What the sum is divided by; by default the labels present, or 1 if there are none. The
        losses of pieces of a batch add up to that of the batch when each is given the count of
        the whole.

    Returns
    -------
    torch.Tensor of float32, ()
        0 with zero gradients where there is no label at all.

    Raises
    ------
    ValueError
        The labels have another shape than the logits.
    """
    if logits.shape != labels.shape:
        raise ValueError(f"labels {tuple(labels.shape)} for logits {tuple(logits.shape)}")
    present = labels != 0
    # Set aside before any arithmetic: 0 times NaN would be NaN, in the gradient too.
    logits = torch.where(present, logits.float(), 0.0)
    losses = torch.where(present, softplus(-labels.float() * logits), 0.0)
    if count is None:
        count = present.sum().clamp(min=1)
    return losses.sum() / count
