# What Snakemake 9 overlooks when it decides what to run: params by their names, and files that a
# killed job began where a checkpoint comes before. Both reach into Snakemake; tests/test_faults.py
# fails if that no longer holds.

from base64 import urlsafe_b64decode


def name_params(of_rule):
    """Add all params with their names as one more.

    Snakemake compares the values of a rule's params as a set. Of 10, 10 and 1 the first could
    become 1, and nothing would rerun.
    """
    values = dict(of_rule.params.items())

    def named(wildcards):
        return {
            name: value(wildcards) if callable(value) else value for name, value in values.items()
        }

    if values:
        of_rule.set_params(named=named)


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
