"""Describe the planes that a layout holds, and the files that cannot be used."""

from typing import NamedTuple

# The problems of `images.tables.LOST_VIEWS` that finding images can meet.
CHANNEL_MISSING = "channel missing"
DUPLICATE = "several files for one plane"
ARCHIVE_DAMAGED = "archive cannot be read"
NOT_AN_IMAGE = "not an image"
OUTSIDE_FOLDER = "outside the expected folder"
NAME_NOT_PARSED = "file name cannot be parsed"
WRONG_WAVELENGTH = "wavelength differs from channel"
WRONG_WELL = "not a well"
WRONG_SITE = "not a site"


class Plane(NamedTuple):
    """Where the pixels of one channel of one view are."""

    well: str
    site: int
    channel: str
    place: str
    member: str | None


class LostPlane(NamedTuple):
    """A file that cannot be used, or a plane that is not there, and why."""

    well: str | None
    site: int | None
    channel: str | None
    place: str | None
    problem: str
    detail: str | None
