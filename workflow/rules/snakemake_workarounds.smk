# What has to be worked around in Snakemake 9, each with the thread of its tracker that comes nearest.
# tests/test_faults.py and tests/test_workflow.py fail where one of them no longer holds.
#
# - Params are compared as a set of values without their names: of 10, 10 and 1 the first could become
#   1, and nothing would rerun (snakemake#2212). So each rule has one dictionary `settings`, whose text
#   carries the names.
# - Files that a killed job began are taken for finished where a checkpoint comes before it
#   (snakemake#828): `force_unfinished` below. It reaches into Snakemake.
# - A file marked as temporary stays after a run in which a checkpoint was already done, so it cannot
#   stand for work that is to be done each time: `always_made` below. It reaches into Snakemake.
# - Snakemake trusts a file of which it has no record, whatever made it: `has_record` below lets the
#   workflow refuse it. It reaches into Snakemake.
# - A job that waits for a checkpoint crashes Snakemake within a group on SLURM (snakemake#4202):
#   profiles/slurm leaves such jobs out of groups.

from base64 import urlsafe_b64decode


def unfinished():
    """Files that earlier jobs began and did not finish, as Snakemake has noted them."""
    folder = Path(".snakemake/incomplete")
    for note in folder.rglob("*"):
        if note.is_file():
            # A long name goes over several folders, which begin with @.
            name = "".join(part.removeprefix("@") for part in note.relative_to(folder).parts)
            yield urlsafe_b64decode(name).decode()


def has_record(path):
    """Whether Snakemake knows in this working folder what made a file, or that it is unfinished."""
    return path in UNFINISHED or workflow.persistence._read_record(path) is not None


# Now: later there are those of this run as well.
UNFINISHED = set(unfinished())


def force_unfinished():
    """Have unfinished files made anew; for use where jobs appear only after a checkpoint.

    Snakemake looks for unfinished files before these jobs are known, and would take theirs for
    finished.
    """
    if workflow.is_main_process and workflow.dag_settings.force_incomplete:
        workflow.dag.forcefiles.update(UNFINISHED)


def always_made(path):
    """An input that is made anew whenever somebody asks for it, also if nothing has changed."""

    def files(wildcards):
        if workflow.is_main_process:
            workflow.dag.forcefiles.add(str(path).replace("<results>", RESULTS))
        return path

    return files
