//! From DNA to rows of a language model's embedding.
//!
//! | module | what it holds |
//! |---|---|
//! | [`config`] | the `tokenize` section of the pipeline file |
//! | [`scheme`] | how DNA becomes tokens, as it is written: `base`, `kmer:3:3`, `bpe:4096`, `model` |
//! | [`nucleotide`] | the four bases and N |
//! | [`kmer`] | k-mers, overlapping (DNABERT) and not (Nucleotide Transformer) |
//! | [`bpe`] | byte-pair encoding: training, applying |
//! | [`dna_tokenizer`] | a scheme ready for use: sequence -> ids of the scheme -> sequence |
//! | [`train_bpe`], [`train_bpe_from`] | byte-pair encodings learned from sequences or a genome |
//! | [`special_tokens`] | the special tokens of the tokenizers that this program makes |
//! | [`tokenizer_json`] | a scheme as a `tokenizer.json` that other tools load, and back |
//! | [`model_vocabulary`] | the vocabulary, special tokens and limits of a language model |
//! | [`foreign`] | `tokenizer.json` files of others, through the crate `tokenizers` |
//! | [`vocabulary_file`] | a model folder with a `vocab.txt` of k-mers (Nucleotide Transformer, DNABERT) |
//! | [`embedding_rows`] | the vocabulary map: ids of the scheme -> rows of the model's embedding |
//! | [`language_prefix`] | the template around the DNA |
//! | [`encoder`] | all of it joined: one sequence, or a pair, -> `input_ids` |
//! | [`EncodedRows`] | the sequences behind encoded rows, for training |
//! | [`mod@encode`] | a whole data set -> `tokens.parquet` |
//! | [`mod@encode_slices`] | slices of a genome -> `tokens.parquet` |
//! | [`decode`] | `input_ids` -> sequences |
//! | [`mod@inspect`] | bases per token, unknown share, lengths, which tokens are used |
//! | [`error`] | what can go wrong |

pub mod bpe;
pub mod config;
mod dna;
mod encoding;
pub mod error;
pub mod kmer;
pub mod nucleotide;
pub mod scheme;
pub mod special_tokens;
mod vocabulary;

pub use config::{TokenizeConfig, VocabularyMap};
pub use dna::dna_tokenizer::DnaTokenizer;
pub use dna::train_bpe::{train_bpe, train_bpe_from};
pub use dna::{dna_tokenizer, tokenizer_json};
pub use encoding::decode::Decoder;
pub use encoding::encode::{encode, encode_with};
pub use encoding::encode_slices::{Slice, Slices, encode_slices};
pub use encoding::encoded_rows::EncodedRows;
pub use encoding::encoder::{Encoded, Encoder};
pub use encoding::inspect::{Inspection, TokenUse, inspect};
pub use encoding::{decode, encode, encode_slices, encoder, inspect, language_prefix};
pub use error::Error;
pub use scheme::Scheme;
pub use vocabulary::model_vocabulary::ModelVocabulary;
pub use vocabulary::{embedding_rows, foreign, model_vocabulary, vocabulary_file};
