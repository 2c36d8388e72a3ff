# What ChEMBL knows of the library, from a local dump or from the web service.
#
# in:  {results}/compounds/compounds.parquet; chembl.sqlite, or the network (sources.smk)
# out: {results}/chembl/matches.parquet, activities.parquet, source.json

CHEMBL = config["chembl"]

if CHEMBL["source"] == "sqlite":

    rule extract_activities:
        """Extract the activities of the library's compounds from a ChEMBL dump."""
        input:
            **(
                {"dump": CHEMBL["sqlite"]}
                if CHEMBL["sqlite"]
                else {
                    "dump": rules.retrieve_chembl.output.database,
                    "origin": rules.retrieve_chembl.output.origin,
                }
            ),
            compounds=rules.build_compounds.output.compounds,
        output:
            matches="<results>/chembl/matches.parquet",
            activities="<results>/chembl/activities.parquet",
            left_out="<results>/chembl/left_out.csv",
            near_matches="<results>/chembl/near_matches.csv",
            source="<results>/chembl/source.json",
            counts="<results>/chembl/activities.counts.json",
        log:
            "<logs>/extract_activities.log",
        benchmark:
            "<benchmarks>/extract_activities.tsv"
        conda:
            "../../envs/chembl.yaml"
        # Measured in docs/benchmarks.md for the published library; memory follows the rows found.
        resources:
            mem_mb=memory(3000),
            runtime=minutes(120),
        params:
            settings={
                "match_on": CHEMBL["match_on"],
                "release": CHEMBL["release"],
            },
            code=code("extract_activities"),
        script:
            "../scripts/extract_activities.py"


if CHEMBL["source"] == "webservice":

    rule fetch_activities:
        """Ask ChEMBL's web service for the activities of a chunk of the compounds."""
        input:
            compounds=rules.build_compounds.output.compounds,
        output:
            matches="<results>/chembl/chunks/{chunk}.matches.parquet",
            activities="<results>/chembl/chunks/{chunk}.activities.parquet",
            left_out="<results>/chembl/chunks/{chunk}.left_out.parquet",
            near_matches="<results>/chembl/chunks/{chunk}.near_matches.parquet",
        log:
            "<logs>/fetch_activities/{chunk}.log",
        benchmark:
            "<benchmarks>/fetch_activities/{chunk}.tsv"
        conda:
            "../../envs/chembl.yaml"
        resources:
            mem_mb=memory(1000),
            runtime=240,
            # ChEMBL asks its users not to flood it; the default profile allows four at a time.
            chembl_requests=1,
        params:
            settings={
                "match_on": CHEMBL["match_on"],
                "release": CHEMBL["release"],
                "url": mask_all(CHEMBL["webservice"]["url"]),
                "chunks": CHEMBL["webservice"]["chunks"],
            },
            # More patience must not cost the chunks that are there.
            patience=not_compared(
                url=CHEMBL["webservice"]["url"],
                timeout_seconds=CHEMBL["webservice"]["timeout_seconds"],
                attempts=CHEMBL["webservice"]["attempts"],
            ),
            code=code("fetch_activities"),
        script:
            "../scripts/fetch_activities.py"

    rule join_activities:
        """Concatenate the chunks from the web service."""
        input:
            compounds=rules.build_compounds.output.compounds,
            matches=expand(
                rules.fetch_activities.output.matches,
                chunk=range(CHEMBL["webservice"]["chunks"]),
            ),
            activities=expand(
                rules.fetch_activities.output.activities,
                chunk=range(CHEMBL["webservice"]["chunks"]),
            ),
            left_out=expand(
                rules.fetch_activities.output.left_out,
                chunk=range(CHEMBL["webservice"]["chunks"]),
            ),
            near_matches=expand(
                rules.fetch_activities.output.near_matches,
                chunk=range(CHEMBL["webservice"]["chunks"]),
            ),
        output:
            matches="<results>/chembl/matches.parquet",
            activities="<results>/chembl/activities.parquet",
            left_out="<results>/chembl/left_out.csv",
            near_matches="<results>/chembl/near_matches.csv",
            source="<results>/chembl/source.json",
            counts="<results>/chembl/activities.counts.json",
        log:
            "<logs>/join_activities.log",
        benchmark:
            "<benchmarks>/join_activities.tsv"
        conda:
            "../../envs/chembl.yaml"
        resources:
            mem_mb=memory(1000, matches=20, activities=20),
            runtime=minutes(30),
        params:
            settings={
                "release": CHEMBL["release"],
                "url": mask_all(CHEMBL["webservice"]["url"]),
            },
            code=code("join_activities"),
        script:
            "../scripts/join_activities.py"
