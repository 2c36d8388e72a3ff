"""Draw Cell Painting views of U2OS cells.

The drawing follows what a widefield microscope shows at 20x. Cells are thin, they overlap, and
light adds up. Channels have Bray's background and contrast, and each has haze from out of focus,
vignetting, shot noise and read noise. All lengths are in micrometres, so that the frame and the
size of its pixels can be chosen freely.
"""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from scipy.ndimage import gaussian_filter

from paintassay.demo.phenotypes import Phenotype

CHANNELS = ("Mito", "ERSyto", "ERSytoBleed", "Ph_golgi", "Hoechst")
MITO, ER, RNA, AGP, DNA = range(5)

HIGHEST = 4095  # of a 12-bit camera

# The microscope of Bray et al. gives 520 x 696 pixels of 0.645 micrometres. The demo's pixels
# are twice as large, so that a small frame still holds some 20 cells.
DEMO_PIXEL = 1.29
DEMO_HEIGHT, DEMO_WIDTH = 104, 136

# Grey levels without cells, and what a cell's thickest part adds, channel by channel.
BACKGROUND = np.array([300, 300, 270, 480, 140], np.float32)
STAIN = np.array([420, 620, 520, 520, 640], np.float32)
HAZE = np.array([0.25, 0.35, 0.25, 0.2, 0.06], np.float32)

# Radii of an average cell and of its nucleus, and the number of cells per square millimetre.
CELL, NUCLEUS, DENSITY = 20.0, 9.0, 850
# Standard deviations of the optics' blur, of the light from out of focus, and of a spot.
POINT_SPREAD, HAZE_SPREAD, SPOT = 0.6, 9.0, 1.0

# Values a micrometre in the sequence that actin fibres are made from.
FIBRE_SAMPLES = 4

# The camera's level in the dark, its read noise, and variance per grey level of light. Bray's
# images have a shot noise of 0.3; the demo's pixels gather the light of four.
OFFSET, READ_NOISE, SHOT_NOISE = 100, 2.0, 0.075


def draw_view(
    phenotype: Phenotype,
    rng: np.random.Generator,
    height: int,
    width: int,
    pixel: float = DEMO_PIXEL,
    gain: npt.ArrayLike = 1.0,
    defocus: float = 0.0,
) -> tuple[np.ndarray, np.ndarray]:
    """Draw one view: one site, all channels.

    Parameters
    ----------
    phenotype : Phenotype
    rng : numpy.random.Generator
    height, width : int
        Pixels of the frame.
    pixel : float
        Size of a pixel in micrometres.
    gain : float or array of shape (5,)
        Factor on the light, by channel.
    defocus : float
        Additional blur in micrometres (standard deviation); 0 in focus.

    Returns
    -------
    view : ndarray of uint16, shape (5, height, width)
        Grey levels of a 12-bit camera (0..4095) in the order of `CHANNELS`.
    centres : ndarray of float64, shape (cells, 2)
        x and y of the cells whose centre is in the frame, in pixels from the centre of the upper
        left pixel.
    """
    textures = _make_textures(rng, (height, width), pixel)
    light = np.zeros((5, height, width), np.float32)
    # Points that become small round spots: nucleoli, Golgi stacks, vesicles.
    points = np.zeros_like(light)
    centres = _scatter_cells(phenotype, rng, height * pixel, width * pixel)
    for centre in centres:
        cell = _shape_cell(phenotype, rng)
        _draw_cell(light, textures, pixel, centre, cell, phenotype)
        for channel, places, brightness in _list_spots(cell, phenotype, rng):
            _add_points(points[channel], (places + centre) / pixel, brightness)
    spot = SPOT / pixel
    light += gaussian_filter(points, (0, spot, spot)) * (2 * np.pi * spot**2)
    pixels = _photograph(light, rng, pixel, np.broadcast_to(gain, 5), defocus)
    centres = centres / pixel
    inside = ((centres >= -0.5) & (centres < [width - 0.5, height - 0.5])).all(axis=1)
    return pixels, centres[inside]


class _Textures(NamedTuple):
    """What cells are cut from: fields of the frame's shape, except the fibres, a sequence."""

    warp_u: np.ndarray
    warp_v: np.ndarray
    chromatin: np.ndarray
    reticulum: np.ndarray
    threads: np.ndarray
    fibres: np.ndarray


def _make_textures(rng: np.random.Generator, shape: tuple[int, int], pixel: float) -> _Textures:
    """Make the textures of a view."""
    # Cells are ovals; the warp bends their outline by some micrometres.
    warp_u, warp_v = (3.2 * _texture(rng, shape, 7 / pixel) for _ in range(2))
    return _Textures(
        warp_u,
        warp_v,
        chromatin=1 + 0.13 * _texture(rng, shape, 1.2 / pixel),
        reticulum=1 + 0.22 * _texture(rng, shape, 1.6 / pixel),
        # A smooth random field is zero along winding threads.
        threads=np.exp(-((_texture(rng, shape, 1.4 / pixel) / 0.5) ** 2)),
        # Brightness across a bundle of fibres.
        fibres=np.clip(_texture(rng, (1024,), 0.45 * FIBRE_SAMPLES), 0, 2),
    )


def _texture(rng: np.random.Generator, shape: tuple[int, ...], sigma: float) -> np.ndarray:
    """Smooth random field with mean 0 and standard deviation 1; `sigma` in pixels."""
    field = gaussian_filter(
        rng.standard_normal(shape, np.float32), sigma, mode="wrap", truncate=2.5
    )
    return field / field.std()


def _scatter_cells(
    phenotype: Phenotype, rng: np.random.Generator, height: float, width: float
) -> np.ndarray:
    """Scatter cells over the frame and a margin, nuclei apart; (n, 2), micrometres."""
    low, high = np.array([-CELL, -CELL]), np.array([width, height]) + CELL
    number = rng.poisson(1e-6 * DENSITY * phenotype.density * np.prod(high - low))
    distance = 2.3 * NUCLEUS * phenotype.nucleus
    centres = np.empty((number, 2))
    count = 0
    # If there is no room, there are fewer cells.
    for point in rng.uniform(low, high, (8 * number, 2)):
        if count == number:
            break
        if ((centres[:count] - point) ** 2).sum(axis=1).min(initial=np.inf) > distance**2:
            centres[count] = point
            count += 1
    return centres[:count]


class _Cell(NamedTuple):
    """Shape of one cell; lengths in micrometres, lobes of the nucleus as (u, v, long, short)."""

    angle: float
    long: float
    short: float
    nucleus: float
    lobes: np.ndarray
    stain: np.ndarray
    fibres: float
    mitotic: bool


def _shape_cell(phenotype: Phenotype, rng: np.random.Generator) -> _Cell:
    """Draw the shape of one cell by lot."""
    mitotic = rng.random() < phenotype.mitotic
    several = not mitotic and rng.random() < phenotype.multinucleated
    size = np.exp(rng.normal(0, 0.12))
    stretch = np.sqrt(phenotype.elongation * np.exp(abs(rng.normal(0, 0.5))))
    radius = CELL * phenotype.cell * size
    nucleus = NUCLEUS * phenotype.nucleus * size
    # A nucleus is rounder than its cell.
    oval = np.clip(np.sqrt(stretch) * rng.uniform(0.95, 1.2), 1, 1.5)
    stain = np.exp(rng.normal(0, 0.15, 5))
    lobes = np.array([(0, 0, nucleus * oval, nucleus / oval)])
    if mitotic:
        # A ball of a cell, with all chromosomes in one plate.
        radius, stretch = 9.5 * size, 1.0
        lobes = np.array([(0, 0, 7.0 * size, 2.8 * size)])
        stain *= (1.7, 1.8, 1.7, 1.6, 2.0)
    if several:
        around = np.arange(rng.integers(3, 6)) + rng.uniform(0, 1)
        around = 2 * np.pi * around / len(around)
        away = nucleus * rng.uniform(0.5, 0.9, len(around))
        radii = nucleus * rng.uniform(0.35, 0.6, (2, len(around)))
        lobes = np.column_stack([away * np.cos(around), away * np.sin(around), *radii])
    return _Cell(
        angle=rng.uniform(0, np.pi),
        long=radius * stretch,
        short=radius / stretch,
        nucleus=nucleus,
        lobes=lobes,
        stain=stain.astype(np.float32),
        fibres=rng.uniform(0, 256),
        mitotic=mitotic,
    )


def _draw_cell(
    light: np.ndarray,
    textures: _Textures,
    pixel: float,
    centre: np.ndarray,
    cell: _Cell,
    phenotype: Phenotype,
) -> None:
    """Add one cell without its spots to `light`; `centre` (x, y) in micrometres."""
    window = _window(light.shape[1:], centre / pixel, (max(cell.long, cell.nucleus) + 5) / pixel)
    rows, columns = (np.arange(side.start, side.stop, dtype=np.float32) for side in window)
    if not len(rows) or not len(columns):
        return
    warp_u, warp_v, chromatin, reticulum, threads = (field[window] for field in textures[:-1])
    x, y = columns[None, :] * pixel - centre[0], rows[:, None] * pixel - centre[1]
    cos, sin = np.float32(np.cos(cell.angle)), np.float32(np.sin(cell.angle))
    u, v = x * cos + y * sin, y * cos - x * sin

    # Nuclei are stiffer than cells, and round cells are smooth.
    bend = np.float32(0.25)
    core = 0.0
    for at_u, at_v, long, short in cell.lobes.astype(np.float32):
        from_lobe = _distance(u + bend * warp_u - at_u, v + bend * warp_v - at_v, long, short)
        core = np.maximum(core, np.clip((1 - from_lobe) * short + 0.5, 0, 1))
    if not cell.mitotic:
        bend = np.float32(1)
    outline = _distance(u + bend * warp_u, v + bend * warp_v, cell.long, cell.short)
    inside = np.clip(1 - outline**2, 0, 1)
    thick = np.sqrt(inside)
    near = np.exp(-np.clip(_distance(u, v, cell.nucleus, cell.nucleus) - 1, 0, None))
    # At most 1, where the square of the thickness is a tenth of that in the middle; 0 outside.
    border = inside * np.exp(1 - 10 * inside) * 10
    along = v + np.float32(0.4) * warp_v + np.float32(cell.fibres)
    fibres = textures.fibres[(along * FIBRE_SAMPLES).astype(int) % len(textures.fibres)]

    light_of_cell = light[:, *window]
    stain = cell.stain
    light_of_cell[MITO] += (
        stain[MITO] * phenotype.mito * thick * near * (1 - 0.7 * core) * (0.6 + 0.7 * threads)
    )
    light_of_cell[ER] += (
        stain[ER] * phenotype.er * thick * (0.2 + 0.8 * near) * (1 - 0.4 * core) * reticulum
    )
    light_of_cell[RNA] += (
        stain[RNA] * phenotype.rna * (thick * (0.5 + 0.25 * near) * reticulum + 0.2 * core)
    )
    light_of_cell[AGP] += stain[AGP] * (
        thick * (0.3 + 0.2 * near + 0.5 * phenotype.fibres * fibres * reticulum)
        + 0.3 * phenotype.cortex * border
    )
    light_of_cell[DNA] += stain[DNA] * phenotype.dna * core * chromatin


def _window(shape: tuple[int, ...], centre: np.ndarray, reach: float) -> tuple[slice, ...]:
    """Rows and columns (slices) of a frame within `reach` of `centre` (x, y), all in pixels."""
    return tuple(
        slice(int(np.clip(at - reach, 0, size)), int(np.clip(at + reach + 1, 0, size)))
        for at, size in zip(centre[::-1], shape, strict=True)
    )


def _distance(u: np.ndarray, v: np.ndarray, long: float, short: float) -> np.ndarray:
    """Distance from the centre of an oval, 1 on its outline."""
    return np.sqrt((u / np.float32(long)) ** 2 + (v / np.float32(short)) ** 2)


def _list_spots(
    cell: _Cell, phenotype: Phenotype, rng: np.random.Generator
) -> Iterator[tuple[int, np.ndarray, float]]:
    """List a cell's spots: channel, places (n, 2) in micrometres from its centre, brightness."""
    if not cell.mitotic:
        # Two to four nucleoli in each nucleus or lobe.
        nucleoli = np.repeat(cell.lobes, rng.integers(2, 5), axis=0)
        away = rng.uniform(-0.5, 0.5, (len(nucleoli), 2)) * nucleoli[:, 2:]
        places = _turned(nucleoli[:, :2] + away, cell.angle)
        yield RNA, places, 1.1 * phenotype.rna * phenotype.nucleoli
        yield ER, places, 0.15 * phenotype.er * phenotype.nucleoli

        # The Golgi apparatus lies on one side of the nucleus.
        around = rng.uniform(0, 2 * np.pi) + rng.normal(0, 0.45, 9)
        away = cell.nucleus * rng.uniform(1.05, 1.4, 9)
        yield AGP, _polar(away, around), 0.8 * phenotype.golgi

    number = rng.poisson(phenotype.vesicles)
    away = cell.nucleus * rng.uniform(1.0, 1.7, number)
    places = _polar(away, rng.uniform(0, 2 * np.pi, number))
    yield RNA, places, 0.9
    yield AGP, places, 1.1
    yield ER, places, 0.3


def _polar(radius: np.ndarray, angle: np.ndarray) -> np.ndarray:
    return np.column_stack([radius * np.cos(angle), radius * np.sin(angle)])


def _turned(places: np.ndarray, angle: float) -> np.ndarray:
    """Turn places from the axes of a cell to x and y."""
    cos, sin = np.cos(angle), np.sin(angle)
    return places @ np.array([[cos, sin], [-sin, cos]])


def _add_points(plane: np.ndarray, places: np.ndarray, brightness: float) -> None:
    """Add `brightness` to the pixels at `places` (x, y) that lie in the plane."""
    columns, rows = np.rint(places).astype(int).T
    inside = (rows >= 0) & (rows < plane.shape[0]) & (columns >= 0) & (columns < plane.shape[1])
    np.add.at(plane, (rows[inside], columns[inside]), brightness)


def _photograph(
    light: np.ndarray, rng: np.random.Generator, pixel: float, gain: np.ndarray, defocus: float
) -> np.ndarray:
    """Turn light into grey levels: haze, optics, vignetting, noise, 12 bits."""
    haze, sharp = HAZE_SPREAD / pixel, np.hypot(POINT_SPREAD, defocus) / pixel
    light = light * STAIN[:, None, None]
    share = HAZE[:, None, None]
    light = (1 - share) * light + share * gaussian_filter(light, (0, haze, haze), truncate=2)
    light = gaussian_filter(light, (0, sharp, sharp), mode="nearest", truncate=2.5)
    light += (BACKGROUND - OFFSET)[:, None, None]
    light *= np.asarray(gain, np.float32)[:, None, None] * _vignette(*light.shape[1:])
    # The number of electrons is so large that shot noise is normally distributed.
    noise = np.sqrt(SHOT_NOISE * light + READ_NOISE**2)
    light += OFFSET + noise * rng.standard_normal(light.shape, np.float32)
    return np.clip(np.rint(light), 0, HIGHEST).astype(np.uint16)


def _vignette(height: int, width: int) -> np.ndarray:
    """Light falls off by a seventh towards the corners."""
    y, x = np.linspace(-1, 1, height, dtype=np.float32), np.linspace(-1, 1, width, dtype=np.float32)
    return 1 - (y[:, None] ** 2 + x[None, :] ** 2) / 14
