"""Pixels of each view and channel standardised on the device."""

import torch


def standardise_pixels(batch):
    """Standardise each sample and channel: (x - mean) / (std + 1e-7), std with n - 1.

    As the code of Hofmarcher et al. 2019 does on loading. Sums in float32; a constant channel
    becomes 0.

    Parameters
    ----------
    batch : torch.Tensor of uint8 or float, (samples, channels, height, width)
        On any device. Features, (samples, features), are standardised before; they come back as
        float32, as they are.

    Returns
    -------
    torch.Tensor of float32, same shape
        Never the memory of an image batch that was given.
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
