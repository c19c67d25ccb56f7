//! The device as it was typed.

use lingo_lm::DeviceChoice;
use lingo_workflow::Error;

pub(crate) fn device(name: &str) -> Result<DeviceChoice, Error> {
    Ok(name.parse::<DeviceChoice>()?)
}
