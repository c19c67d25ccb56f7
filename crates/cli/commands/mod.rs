//! One file for each command.

mod adapt;
mod evaluate;
mod ingest;
mod ingest_sources;
mod locate;
mod pipeline;
mod predict;
mod pretrain;
mod run;
mod tokenize;

use clap::CommandFactory as _;
use lingo_artifact::progress::StopFlag;
use lingo_lm::DeviceChoice;
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
        Command::Run(arguments) => run::run(arguments, terminal),
        Command::Validate(arguments) => pipeline::validate(&arguments),
        Command::Plan(arguments) => pipeline::plan(&arguments),
        Command::Graph(arguments) => pipeline::graph(&arguments),
        Command::Schema => output::print_json(&lingo_workflow::pipeline::file::schema()),
        Command::Ingest(arguments) => ingest::ingest(&arguments, terminal),
        Command::Locate(arguments) => locate::locate(&arguments, terminal),
        Command::Tokenize(arguments) => tokenize::tokenize(arguments, terminal),
        Command::Pretrain(arguments) => pretrain::pretrain(arguments, terminal),
        Command::Adapt(arguments) => adapt::adapt(arguments, terminal),
        Command::Evaluate(arguments) => evaluate::evaluate(&arguments),
        Command::Predict(arguments) => predict::predict(arguments, terminal),
        Command::Report(arguments) => run::report(&arguments.run),
        Command::Verify(arguments) => run::verify(&arguments),
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

fn device(name: &str) -> Result<DeviceChoice, Error> {
    Ok(name.parse::<DeviceChoice>()?)
}

/// Ctrl-C, SIGTERM, and on Unix SIGHUP, which a closed terminal sends.
const STOP_SIGNALS: &[i32] = &[
    signal_hook::consts::SIGINT,
    signal_hook::consts::SIGTERM,
    #[cfg(unix)]
    signal_hook::consts::SIGHUP,
];

/// A flag that these signals raise; a second one ends the program at once.
fn stop_on_signals() -> Result<StopFlag, Error> {
    let stop = StopFlag::default();
    for &signal in STOP_SIGNALS {
        let registered = signal_hook::flag::register_conditional_shutdown(
            signal,
            i32::from(Kind::Interrupted.exit_code()),
            stop.shared(),
        )
        .and_then(|_| signal_hook::flag::register(signal, stop.shared()));
        registered.map_err(|e| Error::stage(Kind::Failed, format!("signal {signal}: {e}")))?;
    }
    Ok(stop)
}

/// An argument as a shell takes it.
fn quoted(argument: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./=,:+@%".contains(c);
    if !argument.is_empty() && argument.chars().all(plain) {
        argument.to_string()
    } else {
        format!("'{}'", argument.replace('\'', "'\\''"))
    }
}

/// The command as it was typed, for the record.
fn typed() -> String {
    let arguments = std::env::args_os()
        .skip(1)
        .map(|a| quoted(&a.to_string_lossy()));
    std::iter::once("lingo-pipe".to_string())
        .chain(arguments)
        .collect::<Vec<_>>()
        .join(" ")
}
