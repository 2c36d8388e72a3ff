"""Locks lie in a folder that nobody else can take."""

import os

import pytest

from paintassay.core import jobs
from paintassay.core.errors import InputError


@pytest.fixture
def places(monkeypatch, tmp_path):
    """Runtime, temporary and cache directory of the test's own; the first is not there yet."""
    temporary, runtime = tmp_path / "tmp", tmp_path / "run"
    temporary.mkdir()
    monkeypatch.setattr(jobs.tempfile, "gettempdir", lambda: str(temporary))
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(runtime))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return temporary / f"paintassay-{os.getuid()}", runtime, tmp_path / "cache" / "paintassay"


def test_the_runtime_directory_comes_first_if_it_is_ours_alone(places):
    temporary, runtime, _ = places
    assert jobs.private_folder() == temporary
    assert temporary.stat().st_mode & 0o777 == 0o700
    runtime.mkdir(mode=0o755)
    assert jobs.private_folder() == temporary
    runtime.chmod(0o700)
    assert jobs.private_folder() == runtime / "paintassay"


@pytest.mark.parametrize("taken", ["link", "file", "open to all", "another's"])
def test_a_folder_that_was_taken_is_not_used(places, taken, tmp_path, monkeypatch):
    temporary, _, cache = places
    if taken == "link":
        (tmp_path / "elsewhere").mkdir(mode=0o700)
        temporary.symlink_to(tmp_path / "elsewhere")
    elif taken == "file":
        temporary.touch()
    elif taken == "open to all":
        temporary.mkdir()
        temporary.chmod(0o777)
    else:
        temporary.mkdir(mode=0o700)
        real = os.lstat

        def lstat(path):
            status = real(path)
            if str(path) != str(temporary):
                return status
            return os.stat_result([*status[:4], os.getuid() + 1, *status[5:]])

        monkeypatch.setattr(jobs.os, "lstat", lstat)
    assert jobs.private_folder() == cache
    with jobs.alone(tmp_path / "job.log"):
        pass
    assert (cache / "jobs").exists()
    if taken == "link":
        assert list((tmp_path / "elsewhere").iterdir()) == []
    # Nor is the last one, if it was taken as well; then there is one line.
    cache.chmod(0o770)
    with pytest.raises(InputError, match="cannot be used for locks"):
        jobs.private_folder()


def test_a_link_in_place_of_the_lock_is_not_followed(places, tmp_path):
    temporary, _, _ = places
    temporary.mkdir(mode=0o700)
    (tmp_path / "precious").write_text("content")
    (temporary / "jobs").symlink_to(tmp_path / "precious")
    with pytest.raises(OSError, match="symbolic links"), jobs.alone(tmp_path / "job.log"):
        pass
    assert (tmp_path / "precious").read_text() == "content"
