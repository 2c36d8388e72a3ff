"""Samples made ready for a model, on the device: pixels standardised by view and channel."""

import torch

from paintassay.training.settings import Settings


def prepare_samples(batch: torch.Tensor, settings: Settings) -> torch.Tensor:
    """Standardise a batch, and lay it out in memory as the settings say.

    Parameters
    ----------
    batch : torch.Tensor of uint8 or float
        As for `standardise_pixels`.
    settings : Settings
        Its channels_last.

    Returns
    -------
    torch.Tensor of float32, same shape
    """
    batch = standardise_pixels(batch)
    if settings.channels_last and batch.ndim == 4:
        batch = batch.contiguous(memory_format=torch.channels_last)
    return batch


def standardise_pixels(batch: torch.Tensor) -> torch.Tensor:
    """Standardise each sample and channel: (x - mean) / (std + 1e-7), std with n - 1.

    As the code of Hofmarcher et al. 2019 does on loading. Sums in float32; a constant channel
    becomes 0.

    Parameters
    ----------
    batch : torch.Tensor of uint8 or float, (samples, channels, height, width)
        On any device. Features, (samples, features), are standardised already; they come back
        unchanged, as float32.

    Returns
    -------
    torch.Tensor of float32, same shape
        Of images always a copy.
    """
    if batch.ndim == 2:
        return batch.float()
    pixels = batch.to(torch.float32, copy=True)
    pixels -= pixels.mean((2, 3), keepdim=True)
    # The mean of many large numbers is rounded; what it leaves of a constant is not 0.
    pixels -= pixels.mean((2, 3), keepdim=True)
    # Rows first: one long sum of squares would lose two digits.
    norm = torch.linalg.vector_norm(pixels, dim=3, keepdim=True)
    norm = torch.linalg.vector_norm(norm, dim=2, keepdim=True)
    count = pixels.shape[2] * pixels.shape[3]
    return pixels.div_(norm / (count - 1) ** 0.5 + 1e-7)
