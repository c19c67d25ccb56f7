//! How DNA tokens become rows of a language model's embedding: the part of `lingo.json` that `tokenize` writes and `adapt` reads.

use serde::{Deserialize, Serialize};

use crate::files::digest::Digest;

/// New embedding rows behind the model's own `vocab_size` rows.
///
/// Row `vocab_size + i` is the sum of the trained vectors `composition[i]`:
/// `extend` trains one vector per new row, `compose` trains k x 4 and sums k of them, beside a row of the model.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct NewRows {
    /// How many vectors are trained.
    pub trained: u32,
    /// For each new row, the trained vectors that it is the sum of.
    pub composition: Vec<Vec<u32>>,
    /// Where given, each row has a fixed part, too: row i of these one of the model's own rows, from this one on (behind the
    /// last the first of them again). A sum alone is a poor word: over a sequence, the mean of such sums is a linear function
    /// of how often each base stands where in a k-mer, and the frozen model tells rows that it has seen apart better.
    #[serde(default)]
    pub like_rows_from: Option<u32>,
}

/// What turns sequences into `input_ids`, whole enough to do it again on new sequences.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Encoding {
    /// The DNA scheme as text: `base`, `kmer:3:3`, `bpe:4096`, `model`.
    pub scheme: String,
    /// `reuse`, `extend`, `compose` or `own` (the scheme's ids are the model's).
    pub vocabulary: String,
    /// For each DNA token, in the order of the scheme's ids: its text and its row in the embedding.
    pub tokens: Vec<(String, u32)>,
    /// New rows, where the vocabulary map made some.
    pub new_rows: Option<NewRows>,
    /// The language prefix, resolved (`{task}` filled in; `{sequence}` still there), when one is used.
    pub template: Option<String>,
    /// Ids before the DNA of every sequence (special tokens and the prefix's text).
    pub before: Vec<u32>,
    /// Ids behind the DNA of every sequence.
    pub after: Vec<u32>,
    /// Ids between the two sequences of a pair.
    pub between: Vec<u32>,
    /// The longest `input_ids`, prefix and special tokens counted in.
    pub max_length: u32,
    /// The padding id.
    pub pad: u32,
    /// Rows of the model's own embedding.
    pub model_vocab_size: u32,
    /// sha256 of the tokenizer.json that the text went through, where one was used.
    pub tokenizer: Option<Digest>,
}
