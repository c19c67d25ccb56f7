//! Annotations: transcripts, and windows around their ends and features.

pub(crate) mod places;
pub(crate) mod read;
pub(crate) mod transcripts;
pub(crate) mod windows;
