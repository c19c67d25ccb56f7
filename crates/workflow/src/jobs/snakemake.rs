//! A Snakefile that does the jobs of a plan, for Snakemake 7 to 9 and its executors.

use std::path::Path;

use lingo_artifact::atomic;

use crate::failure::Error;

const SNAKEFILE: &str = r#"# Does the jobs of a lingo-pipe plan: each is one call of `lingo-pipe run-cell`, which is done at once where its result is
# there. A killed training goes on from its checkpoint.
#
#   snakemake --cores 4
#   snakemake --executor slurm --jobs 50 --default-resources slurm_partition=main
import json
import shlex


configfile: "config.yaml"


PLAN = config["plan"]
with open(f"{PLAN}/plan.json") as file:
    JOBS = json.load(file)["jobs"]
REPORT = len(JOBS) - 1


def resource(name):
    def of_stage(wildcards):
        stage = JOBS[int(wildcards.index)]["stage"]
        return config["resources"].get(stage, config["resources"]["default"])[name]

    return of_stage


def needed(wildcards):
    job = JOBS[int(wildcards.index)]
    return [f"done/{need}" for need in job["needs"]]


rule all:
    input:
        f"done/{REPORT}",


rule job:
    input:
        needed,
    output:
        touch("done/{index}"),
    wildcard_constraints:
        index=r"\d+",
    params:
        program=config["program"],
        plan=shlex.quote(PLAN),
    threads: resource("cpus")
    resources:
        mem_mb=resource("mem_mb"),
        runtime=resource("minutes"),
    shell:
        "{params.program} run-cell --plan {params.plan} --index {wildcards.index}"
"#;

/// Writes `Snakefile` and `config.yaml` into `out`, for the plan in the folder `plan`, which `out` reaches as `name`.
///
/// # Errors
/// A file cannot be written.
pub fn export(out: &Path, name: &str) -> Result<(), Error> {
    std::fs::create_dir_all(out).map_err(lingo_artifact::Error::io("create folder", out))?;
    let config = format!(
        "# The folder of the plan.\nplan: {}\n# The program, with whatever must stand before it.\nprogram: lingo-pipe\n\
         # By stage: model, examples, tokens, floor, adapt_first, adapt, score, report.\nresources:\n  default: {{ cpus: 1, mem_mb: 4000, minutes: 120 }}\n\
         \x20 adapt: {{ cpus: 2, mem_mb: 8000, minutes: 720 }}\n",
        serde_json::Value::from(name)
    );
    atomic::write_bytes(&out.join("Snakefile"), SNAKEFILE.as_bytes())?;
    Ok(atomic::write_bytes(
        &out.join("config.yaml"),
        config.as_bytes(),
    )?)
}
