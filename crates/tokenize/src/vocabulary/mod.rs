//! A language model's vocabulary, and the rows in it that DNA tokens get.

pub mod embedding_rows;
pub mod foreign;
pub mod model_vocabulary;
pub mod vocabulary_file;
