//! `trace.tsv`: a row for each cell, in the columns and the units of Nextflow's trace file
//! (<https://docs.seqera.io/nextflow/reports#trace-file>).

use lingo_artifact::resources::Resources;

use super::facts::{Cell, Facts, Standing};

/// Nextflow's columns where nobody says otherwise.
const COLUMNS: [&str; 14] = [
    "task_id",
    "hash",
    "native_id",
    "name",
    "status",
    "exit",
    "submit",
    "duration",
    "realtime",
    "%cpu",
    "peak_rss",
    "peak_vmem",
    "rchar",
    "wchar",
];

/// What stands where nothing was recorded.
const NOTHING: &str = "-";

/// The table.
pub(super) fn table(facts: &Facts) -> String {
    let mut text = format!("{}\n", COLUMNS.join("\t"));
    for (index, cell) in facts.cells.iter().enumerate() {
        let id = facts.lock.planned.get(&cell.label);
        let id = cell.finished().map(|f| f.locked.id).or(id.copied());
        let hash = id.map(|id| id.to_string());
        let hash = hash.map(|id| format!("{}/{}", &id[..2], &id[2..8]));
        text += &row(cell, index + 1, hash).join("\t");
        text.push('\n');
    }
    text
}

fn row(cell: &Cell, number: usize, hash: Option<String>) -> Vec<String> {
    let (status, exit) = match &cell.standing {
        Standing::Finished(_) => ("COMPLETED", Some("0".to_owned())),
        Standing::Failed(_) => ("FAILED", None),
        Standing::Aborted(_) => ("ABORTED", None),
        Standing::New => ("NEW", None),
    };
    let resources = cell.finished().and_then(|f| f.resources.as_ref());
    let of = |value: &dyn Fn(&Resources) -> Option<String>| resources.and_then(value);
    let wall = of(&|r| Some(duration(r.wall_seconds)));
    let name = format!("adapt ({})", cell.label);
    let columns = [
        Some(number.to_string()),
        hash,
        of(&|r| Some(r.process_id.to_string())),
        Some(name),
        Some(status.to_owned()),
        exit,
        of(&|r| Some(moment(&r.started))),
        wall.clone(),
        wall,
        of(&|r| Some(percent(r.cpu_seconds?, r.wall_seconds))),
        of(&|r| r.peak_memory_bytes.map(bytes)),
        of(&|r| r.peak_addresses_bytes.map(bytes)),
        of(&|r| r.read_bytes.map(bytes)),
        of(&|r| r.written_bytes.map(bytes)),
    ];
    let told = columns.into_iter();
    told.map(|c| c.unwrap_or_else(|| NOTHING.into())).collect()
}

/// `2026-03-01 12:30:05.250` of `2026-03-01T12:30:05.250Z`.
fn moment(iso: &str) -> String {
    iso.trim_end_matches('Z').replace('T', " ")
}

/// `352ms`, `5.4s`, `1m 30s`, `2h 3s`, `1d 4h`.
fn duration(seconds: f64) -> String {
    let milliseconds = (seconds * 1000.0).round() as u64;
    if milliseconds < 1000 {
        return format!("{milliseconds}ms");
    }
    if milliseconds < 60_000 {
        let tenths = (milliseconds as f64 / 100.0).round() as u64;
        return match tenths % 10 {
            0 => format!("{}s", tenths / 10),
            tenth => format!("{}.{tenth}s", tenths / 10),
        };
    }
    let seconds = (milliseconds as f64 / 1000.0).round() as u64;
    let parts = [
        (seconds / 86_400, "d"),
        (seconds / 3600 % 24, "h"),
        (seconds / 60 % 60, "m"),
        (seconds % 60, "s"),
    ];
    let told = parts.iter().filter(|(value, _)| *value > 0);
    let told: Vec<String> = told.map(|(value, unit)| format!("{value}{unit}")).collect();
    told.join(" ")
}

/// `29.8 MB`: units of 1024, one decimal where it is not 0.
fn bytes(bytes: u64) -> String {
    const UNITS: [&str; 7] = ["B", "KB", "MB", "GB", "TB", "PB", "EB"];
    if bytes == 0 {
        return "0".to_owned();
    }
    let (mut value, mut unit) = (bytes as f64, 0);
    while value >= 1024.0 {
        value /= 1024.0;
        unit += 1;
    }
    let text = format!("{value:.1}");
    format!("{} {}", text.trim_end_matches(".0"), UNITS[unit])
}

/// `130.1%`: of one processor.
fn percent(cpu_seconds: f64, wall_seconds: f64) -> String {
    if wall_seconds <= 0.0 {
        return NOTHING.to_owned();
    }
    format!("{:.1}%", 100.0 * cpu_seconds / wall_seconds)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn units_are_those_of_nextflow() {
        // The forms of the example in Nextflow's documentation of the trace file.
        for (seconds, text) in [
            (0.352, "352ms"),
            (0.0, "0ms"),
            (1.0, "1s"),
            (5.44, "5.4s"),
            (59.96, "60s"),
            (60.0, "1m"),
            (90.4, "1m 30s"),
            (602.0, "10m 2s"),
            (7203.0, "2h 3s"),
            (86_400.0 + 4.0 * 3600.0, "1d 4h"),
        ] {
            assert_eq!(duration(seconds), text);
        }
        for (number, text) in [
            (0, "0"),
            (79 * 1024, "79 KB"),
            (31_247_565, "29.8 MB"),
            (1024 * 1024, "1 MB"),
            (512, "512 B"),
            (u64::MAX, "16 EB"),
        ] {
            assert_eq!(bytes(number), text);
        }
        assert_eq!(percent(13.01, 10.0), "130.1%");
        assert_eq!(percent(1.0, 0.0), "-");
        assert_eq!(
            moment("2014-10-23T16:33:16.288Z"),
            "2014-10-23 16:33:16.288"
        );
    }
}
