//! The pipeline file as it was typed: from the lock, or for locks of earlier versions from wherever it still lies.

use lingo_artifact::atomic;
use lingo_artifact::digest::Digest;
use lingo_artifact::run_folder::RunFolder;
use serde_json::Value;

use crate::lock::Lock;

/// The text of the pipeline file whose hash is in the lock: what the lock itself says, as of the built-in demo, which is no
/// file of the reader; else the file, what the jobs of a plan are done by, or the copy of an earlier report; nothing where
/// none of them is that text any more.
pub(super) fn text(lock: &Lock, folder: &RunFolder) -> Option<String> {
    let locked = || lock.pipeline_text.clone();
    let file = || std::fs::read_to_string(&lock.pipeline).ok();
    let plan = || {
        let plan: Value = atomic::read_json(&folder.plan()).ok()?;
        Some(plan.get("text")?.as_str()?.to_owned())
    };
    let copy = || std::fs::read_to_string(folder.pipeline()).ok();
    let found: [&dyn Fn() -> Option<String>; 4] = [&locked, &file, &plan, &copy];
    found
        .iter()
        .filter_map(|find| find())
        .find(|text| Digest::of_bytes(text.as_bytes()) == lock.pipeline_sha256)
}
