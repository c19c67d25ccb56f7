//! `validate`, `plan`, `graph`.

use lingo_workflow::jobs::{self, PlanFolder};
use lingo_workflow::pipeline::design_file::DesignPlan;
use lingo_workflow::pipeline::graph as graphs;
use lingo_workflow::{Error, Kind, Pipeline, Plan, Request, tune};

use crate::arguments::{Graph, GraphFormat, PlanArguments, Validate};
use crate::commands::design;
use crate::commands::run::{repeatable, request};
use crate::output::{print, print_json, say};
use crate::tables;
use crate::terminal::Terminal;

/// `validate`.
pub fn validate(arguments: &Validate) -> Result<(), Error> {
    if DesignPlan::is_one(&arguments.pipeline) {
        return design::validate(&arguments.pipeline, &arguments.set);
    }
    let pipeline = Pipeline::read(&arguments.pipeline, &arguments.set)?;
    let trials = tune::check(&pipeline, &arguments.pipeline, &arguments.set)?;
    let plan = Plan::new(pipeline, &Request::default())?;
    plan.check_missing(false)?;
    plan.preflight()?;
    if !plan.model.left.is_empty() {
        say(
            "the model's weights are not fetched yet: the adapters' targets are checked when they are",
        );
    }
    let of_search = trials.map_or_else(String::new, |n| format!("; `tune` has {n} trials"));
    say(&format!(
        "{} is valid: {} tasks x {} methods x {} seeds = {} cells{of_search}",
        arguments.pipeline.display(),
        plan.tasks.len(),
        plan.methods.len(),
        plan.seeds.len(),
        plan.cells.len()
    ));
    Ok(())
}

/// `plan`.
pub fn plan(arguments: &PlanArguments, terminal: &Terminal) -> Result<(), Error> {
    let selection = &arguments.selection;
    if DesignPlan::is_one(&arguments.pipeline) {
        if selection.out.is_some() {
            return Err(Error::stage(
                Kind::Usage,
                "cells of a design file are not handed to a scheduler: `lingo-pipe run` makes them; leave out --out to see them",
            ));
        }
        return design::plan(
            &arguments.pipeline,
            selection,
            arguments.json,
            arguments.skip_missing,
        );
    }
    let pipeline = Pipeline::read(&arguments.pipeline, &selection.set)?;
    let request = request(selection, arguments.skip_missing || selection.out.is_none())?;
    let mut plan = Plan::new(pipeline, &request)?;
    if let Some(out) = &selection.out {
        if selection.fresh {
            return Err(Error::stage(
                Kind::Usage,
                "jobs replace no results: leave out --fresh, or name another --out",
            ));
        }
        plan.arguments = repeatable(Some(&arguments.pipeline), selection, arguments.skip_missing);
        let written = PlanFolder::new(out).write(&plan, &request, &selection.set)?;
        terminal.note(&format!(
            "{}: {} jobs",
            lingo_artifact::run_folder::RunFolder::new(out)
                .plan()
                .display(),
            written.jobs.len()
        ));
    }
    if arguments.json {
        print_json(&plan.json())
    } else {
        print(&tables::of_plan(&plan))
    }
}

/// `graph`.
pub fn graph(arguments: &Graph) -> Result<(), Error> {
    if arguments.pipeline.is_dir() {
        let plan = PlanFolder::new(&arguments.pipeline).read()?;
        return match arguments.format {
            GraphFormat::Mermaid => print(&jobs::mermaid(&plan.jobs)),
        };
    }
    let pipeline = Pipeline::read(&arguments.pipeline, &arguments.set)?;
    match arguments.format {
        GraphFormat::Mermaid => print(&graphs::mermaid(&pipeline)),
    }
}
