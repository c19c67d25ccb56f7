//! The special tokens of the tokenizers that this program makes.

/// The special tokens, ids 0 to 4.
pub const SPECIAL_TOKENS: [&str; 5] = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"];

/// How many ids of the exported tokenizer come before those of the scheme.
pub const SPECIAL_COUNT: u32 = SPECIAL_TOKENS.len() as u32;
