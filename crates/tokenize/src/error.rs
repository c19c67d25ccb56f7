//! What can go wrong between a sequence and its `input_ids`.

use std::path::PathBuf;

/// Why sequences could not be encoded.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// Reading or writing a file failed.
    #[error(transparent)]
    Artifact(#[from] lingo_artifact::Error),
    /// A file of the model folder, or a tokenizer.json, is not what it should be.
    #[error("{path}: {message}", path = path.display())]
    ModelFile {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        message: String,
    },
    /// The scheme's text or numbers make no sense.
    #[error("scheme `{scheme}`: {message}")]
    Scheme {
        /// As it was given.
        scheme: String,
        /// What is wrong, and what would be right.
        message: String,
    },
    /// The language prefix cannot be filled in.
    #[error("prefix `{template}`: {message}")]
    Prefix {
        /// The template as it was given.
        template: String,
        /// What is wrong, and which keys there are.
        message: String,
    },
    /// The vocabulary map does not fit the model's vocabulary.
    #[error("vocabulary `{map}` with scheme `{scheme}`: {message}")]
    Vocabulary {
        /// `reuse`, `extend` or `compose`.
        map: &'static str,
        /// The scheme.
        scheme: String,
        /// Which token does not fit where.
        message: String,
    },
    /// Two sequences of a pair are the same after both were cut.
    #[error(
        "cut to {limit} tokens, the two sequences of {count} of {total} pairs are the same (`{id}`); make the sequences shorter \
         (`width`), raise `max_length`, or use a scheme with fewer tokens"
    )]
    CutAlike {
        /// How many pairs.
        count: usize,
        /// Of how many rows.
        total: usize,
        /// The id of the first.
        id: String,
        /// How many tokens there may be.
        limit: u32,
    },
    /// Sequences are longer than they may be.
    #[error(
        "{count} of {total} sequences need more than {limit} tokens ({limit_of}), the longest {longest} (`{id}`); \
         use a scheme with fewer tokens, or `truncate: true` to keep the middle of the DNA (motifs are looked for in all of it either way)"
    )]
    TooLong {
        /// How many sequences.
        count: usize,
        /// Of how many.
        total: usize,
        /// How many tokens the longest needs, special tokens and prefix included.
        longest: usize,
        /// Its id.
        id: String,
        /// How many tokens there may be.
        limit: u32,
        /// Where the limit comes from.
        limit_of: &'static str,
    },
    /// No room is left for DNA.
    #[error(
        "the language prefix and the special tokens take {fixed} tokens, which leaves no room for DNA under the limit of {limit}"
    )]
    NoRoom {
        /// Tokens that are not DNA.
        fixed: usize,
        /// How many tokens there may be.
        limit: u32,
    },
    /// `max_length` is more than the model has positions for.
    #[error("max_length {max_length} is more than the {positions} positions of the model")]
    MaxLength {
        /// As configured.
        max_length: u32,
        /// `max_position_embeddings`.
        positions: u32,
    },
    /// The model's own tokenizer does not know DNA.
    #[error(
        "scheme `model`: {unknown} of {total} tokens ({percent:.1} %) are unknown to the model's tokenizer, more than \
         `max_unknown` allows; a WordPiece tokenizer, for one, turns every word of more than 100 characters into one \
         [UNK], so that nothing of the DNA is left: use `base` or `kmer` instead"
    )]
    Unknown {
        /// Unknown tokens.
        unknown: u64,
        /// All DNA tokens.
        total: u64,
        /// Their share, in per cent.
        percent: f64,
    },
    /// An id runs past the model's embedding.
    #[error(
        "token id {id} is outside the model's vocabulary of {vocab_size} rows: tokenizer.json and config.json do not belong together"
    )]
    OutsideVocabulary {
        /// The id.
        id: u32,
        /// `vocab_size` of config.json.
        vocab_size: u32,
    },
    /// Byte-pair encoding has nothing to learn from.
    #[error("byte-pair encoding: {0}")]
    Training(String),
    /// The tokenizer of a model refused a text.
    #[error("the model's tokenizer could not encode `{text}`: {message}")]
    Text {
        /// The text, shortened.
        text: String,
        /// What the tokenizer says.
        message: String,
    },
    /// A stored encoding that cannot be used again.
    #[error("the stored encoding cannot be used: {0}")]
    Encoding(String),
    /// A genome could not be read.
    #[error("{0}")]
    Source(Box<dyn std::error::Error + Send + Sync>),
}

impl Error {
    /// True when the settings are at fault, not the data or the model: exit code 2.
    pub fn is_configuration(&self) -> bool {
        matches!(
            self,
            Self::Scheme { .. }
                | Self::Prefix { .. }
                | Self::Vocabulary { .. }
                | Self::NoRoom { .. }
                | Self::MaxLength { .. }
        )
    }

    /// True when the machine is at fault (full disk, read-only folder): exit code 1.
    pub fn is_write_failure(&self) -> bool {
        matches!(self, Self::Artifact(e) if e.is_write_failure())
    }
}
