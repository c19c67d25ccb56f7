//! `locate`.

use std::path::Path;

use lingo_artifact::atomic;
use lingo_ingest::Genome;
use lingo_ingest::config::DEFAULT_MAX_UNCOMPRESSED_BYTES;
use lingo_ingest::locate::{Counts, locate_files};
use lingo_workflow::{Error, Kind};

use crate::arguments::Locate;
use crate::output::{check_out, print, print_json};
use crate::terminal::Terminal;

/// `locate`.
pub fn locate(arguments: &Locate, terminal: &Terminal) -> Result<(), Error> {
    let to_stdout = arguments.out == Path::new("-");
    if arguments.json && to_stdout {
        let message = "--json and --out - both write to stdout; give --out a file";
        return Err(Error::stage(Kind::Usage, message));
    }
    check_out(&arguments.out, &["bed"])?;
    let limit = DEFAULT_MAX_UNCOMPRESSED_BYTES;
    let genome = Genome::open(&arguments.fasta, limit)?;
    let located = locate_files(&genome, &arguments.input, arguments.max_hits.get(), limit)?;
    let bed = located.to_bed();
    if to_stdout {
        print(&bed)?;
    } else {
        atomic::write_bytes(&arguments.out, bed.as_bytes())?;
    }
    if arguments.json {
        let mut counts = serde_json::json!(located.counts);
        counts["schema"] = "lingo-pipe/locate/1".into();
        print_json(&counts)?;
    } else {
        terminal.note(&told(&located.counts, arguments.max_hits.get()));
    }
    Ok(())
}

/// `27878 of 28741 sequences lie in one place; 863 in none`.
fn told(counts: &Counts, max_hits: u32) -> String {
    let mut parts = vec![format!(
        "{} of {} sequences lie in one place",
        counts.unique, counts.sequences
    )];
    let mut also = |n: u64, what: String| {
        if n > 0 {
            parts.push(format!("{n} {what}"));
        }
    };
    also(counts.several, format!("in 2 to {max_hits}"));
    let several = match max_hits {
        1 => "in several (left out; --max-hits keeps them)".to_string(),
        n => format!("in more than {n} (left out)"),
    };
    also(counts.too_many, several);
    also(counts.not_found, "in none".into());
    also(counts.too_short, "too short to be looked for".into());
    parts.join("; ")
}
