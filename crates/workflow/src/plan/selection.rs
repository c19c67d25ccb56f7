//! What part of a pipeline is run, where and how.

use std::path::PathBuf;

use lingo_lm::DeviceChoice;

use crate::failure::{Error, Kind};
use crate::yaml::fault::suggest;

/// What part of the pipeline is run, where and how.
#[derive(Clone, Debug, Default)]
pub struct Request {
    /// Only these tasks.
    pub only: Option<Vec<String>>,
    /// Only these methods.
    pub methods: Option<Vec<String>>,
    /// These seeds, whatever the file says.
    pub seeds: Option<Vec<u64>>,
    /// The run's folder; `runs/<name>` in the working folder where none is given.
    pub out: Option<PathBuf>,
    /// The device.
    pub device: DeviceChoice,
    /// Finished cells are run again, other cells' results are replaced.
    pub fresh: bool,
    /// Tasks whose input files are missing are left out.
    pub skip_missing: bool,
    /// Cells never see the test rows: neither predictions of them are made nor a report.
    pub hide_test: bool,
}

/// The selected names, in the order of the file.
pub(crate) fn select<'a>(
    what: &str,
    known: impl Iterator<Item = &'a str> + Clone,
    wanted: Option<&[String]>,
) -> Result<Vec<String>, Error> {
    let Some(wanted) = wanted else {
        return Ok(known.map(str::to_string).collect());
    };
    for name in wanted {
        if !known.clone().any(|k| k == name) {
            let hint = suggest(name, known.clone()).map_or_else(String::new, |h| format!("; {h}"));
            let message = format!("the pipeline has no {what} `{name}`{hint}");
            return Err(Error::stage(Kind::Usage, message));
        }
    }
    Ok(known
        .filter(|k| wanted.iter().any(|w| w == k))
        .map(str::to_string)
        .collect())
}
