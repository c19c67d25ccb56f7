//! `validate`, `plan`, `graph`.

use lingo_workflow::{Error, Pipeline, Plan, Request, graph as graphs};

use crate::arguments::{Graph, GraphFormat, PlanArguments, Validate};
use crate::commands::run::request;
use crate::output::{print, print_json, say};
use crate::tables;

/// `validate`.
pub fn validate(arguments: &Validate) -> Result<(), Error> {
    let pipeline = Pipeline::read(&arguments.pipeline, &arguments.set)?;
    let plan = Plan::new(pipeline, &Request::default())?;
    plan.check_missing(false)?;
    plan.preflight()?;
    if !plan.model.left.is_empty() {
        say(
            "the model's weights are not fetched yet: the adapters' targets are checked when they are",
        );
    }
    say(&format!(
        "{} is valid: {} tasks x {} methods x {} seeds = {} cells",
        arguments.pipeline.display(),
        plan.tasks.len(),
        plan.methods.len(),
        plan.seeds.len(),
        plan.cells.len()
    ));
    Ok(())
}

/// `plan`.
pub fn plan(arguments: &PlanArguments) -> Result<(), Error> {
    let pipeline = Pipeline::read(&arguments.pipeline, &arguments.selection.set)?;
    let plan = Plan::new(pipeline, &request(&arguments.selection, true)?)?;
    if arguments.json {
        print_json(&plan.json())
    } else {
        print(&tables::of_plan(&plan))
    }
}

/// `graph`.
pub fn graph(arguments: &Graph) -> Result<(), Error> {
    let pipeline = Pipeline::read(&arguments.pipeline, &arguments.set)?;
    match arguments.format {
        GraphFormat::Mermaid => print(&graphs::mermaid(&pipeline)),
    }
}
