# What has to be worked around in Snakemake 9, each with the thread of its tracker that comes nearest.
# tests/test_faults.py and tests/test_workflow.py fail where one of them no longer holds.
#
# - Params are compared as a set of values without their names: of 10, 10 and 1 the first could become
#   1, and nothing would rerun (snakemake#2212). So each rule has one dictionary `settings`, whose text
#   carries the names.
# - Files that a killed job began are taken for finished where a checkpoint comes before it
#   (snakemake#828): `force_unfinished` below. It reaches into Snakemake.
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


# Now: later there are those of this run as well.
UNFINISHED = set(unfinished())


def force_unfinished():
    """Have unfinished files made anew; for use where jobs appear only after a checkpoint.

    Snakemake looks for unfinished files before these jobs are known, and would take theirs for
    finished.
    """
    if workflow.is_main_process and workflow.dag_settings.force_incomplete:
        workflow.dag.forcefiles.update(UNFINISHED)
