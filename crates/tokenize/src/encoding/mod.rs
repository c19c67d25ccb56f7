//! Sequences to `input_ids`, and back.

pub mod decode;
pub mod encode;
pub mod encode_slices;
pub(crate) mod encoded_rows;
pub mod encoder;
pub mod inspect;
pub mod language_prefix;
