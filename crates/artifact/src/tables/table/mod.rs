//! Data frames in and out of Parquet, CSV and TSV, in the format that a file's ending names.
//!
//! In text, a list is its numbers with spaces between them; metadata exists in Parquet only.

pub(crate) mod columns;
pub(crate) mod format;
pub(crate) mod id_lists;
pub(crate) mod list_column;
pub(crate) mod parquet;
pub(crate) mod read;
pub(crate) mod stream;
pub(crate) mod write;

pub use columns::Table;
pub use format::Format;
pub use list_column::{f32_list_column, u32_list_column};
pub use parquet::METADATA_KEY;
pub use read::{TableReader, read, read_text};
pub use stream::{Cells, TableStream, frame};
pub use write::{write, write_text};
