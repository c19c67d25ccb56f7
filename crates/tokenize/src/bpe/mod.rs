//! Byte-pair encoding of DNA: learning merges and applying them, exactly as Hugging Face's `tokenizers` does both.
//!
//! A word is a run of A, C, G, T: nothing merges across an N, which is a token of its own.

mod byte_pairs;
mod corpus;
mod encoder;
mod longest_match;
mod merging;
mod neighbours;
mod packed;
mod trainer;
mod vocabulary;

pub use byte_pairs::Bpe;
