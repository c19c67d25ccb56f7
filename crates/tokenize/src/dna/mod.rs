//! A scheme ready for use, and as a `tokenizer.json`.

pub mod dna_tokenizer;
pub mod tokenizer_json;
pub mod train_bpe;
