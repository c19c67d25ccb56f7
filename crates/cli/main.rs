//! `lingo-pipe`: parsing and printing. What is done is done by the crates below.
//!
//! | module | what it holds |
//! |---|---|
//! | `arguments` | the command line, as data |
//! | `commands` | one file for each command |
//! | `output` | stdout, stdin, stderr |
//! | `tables` | plans and scores, for a person to read |
//! | `sequences` | examples from files that may be FASTA |
//! | `terminal` | progress |
//! | `errors` | failures as a user sees them |
//! | `demo` | the built-in pipeline |
//! | `device`, `signals`, `typed` | the device by its name; signals that end a run; the command as it was typed |

mod adapter;
mod arguments;
mod base_model;
mod commands;
mod demo;
mod device;
mod errors;
mod output;
mod sequences;
mod signals;
mod tables;
mod terminal;
mod typed;

use std::process::ExitCode;

use clap::Parser as _;

use arguments::Cli;

fn main() -> ExitCode {
    let cli = Cli::parse();
    match commands::execute(cli) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            errors::show(&error);
            ExitCode::from(error.kind().exit_code())
        }
    }
}
