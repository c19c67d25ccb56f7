//! One file for each command.

mod adapt;
mod compare;
mod design;
mod evaluate;
mod ingest;
mod ingest_sources;
mod jobs;
mod locate;
mod model;
mod pipeline;
mod predict;
mod pretrain;
mod run;
mod store;
mod tokenize;
mod tune;

use clap::CommandFactory as _;
use lingo_workflow::pipeline::design_file::DesignPlan;
use lingo_workflow::{Error, Kind};

use crate::arguments::{Cli, Command};
use crate::output;
use crate::terminal::Terminal;

/// Does what the command line says.
pub fn execute(cli: Cli) -> Result<(), Error> {
    if let Some(threads) = cli.threads {
        rayon::ThreadPoolBuilder::new()
            .num_threads(threads.get() as usize)
            .build_global()
            .map_err(|e| Error::stage(Kind::Failed, format!("could not start threads: {e}")))?;
    }
    let terminal = Terminal::new(cli.quiet);
    let result = dispatch(cli.command, &terminal);
    terminal.finish();
    result
}

fn dispatch(command: Command, terminal: &Terminal) -> Result<(), Error> {
    match command {
        Command::Run(arguments) => match &arguments.pipeline {
            Some(file) if DesignPlan::is_one(file) => design::run_file(file, &arguments, terminal),
            _ => run::run(arguments, terminal),
        },
        Command::Tune(arguments) => tune::tune(&arguments, terminal),
        Command::Validate(arguments) => pipeline::validate(&arguments),
        Command::Plan(arguments) => pipeline::plan(&arguments, terminal),
        Command::RunCell(arguments) => jobs::run_cell(&arguments, terminal),
        Command::Submit(arguments) => jobs::submit(&arguments, terminal),
        Command::Status(arguments) => jobs::status(&arguments),
        Command::Export(command) => jobs::export(&command),
        Command::Graph(arguments) => pipeline::graph(&arguments),
        Command::Schema => output::print_json(&lingo_workflow::pipeline::file::schema()),
        Command::Ingest(arguments) => ingest::ingest(&arguments, terminal),
        Command::Locate(arguments) => locate::locate(&arguments, terminal),
        Command::Model(command) => model::model(&command, terminal),
        Command::Tokenize(arguments) => tokenize::tokenize(arguments, terminal),
        Command::Pretrain(arguments) => pretrain::pretrain(arguments, terminal),
        Command::Adapt(arguments) => adapt::adapt(arguments, terminal),
        Command::Evaluate(arguments) => evaluate::evaluate(&arguments),
        Command::Predict(arguments) => predict::predict(&arguments, terminal),
        Command::Design(arguments) => design::design(&arguments, terminal),
        Command::Report(arguments) => run::report(&arguments.run),
        Command::Compare(arguments) => compare::compare(&arguments),
        Command::Verify(arguments) => run::verify(&arguments),
        Command::Explain(arguments) => store::explain(&arguments),
        Command::Clean(arguments) => store::clean(&arguments),
        Command::Completions { shell } => {
            let mut text = Vec::new();
            clap_complete::generate(shell, &mut Cli::command(), "lingo-pipe", &mut text);
            output::print(&String::from_utf8_lossy(&text))
        }
        Command::Man => {
            let mut text = Vec::new();
            clap_mangen::Man::new(Cli::command())
                .render(&mut text)
                .map_err(|e| Error::stage(Kind::Failed, format!("the man page: {e}")))?;
            output::print(&String::from_utf8_lossy(&text))
        }
    }
}
