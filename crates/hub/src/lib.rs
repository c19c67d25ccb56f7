//! Models from a Hugging Face hub, into the cache that Python's huggingface_hub keeps: what one has fetched, the other
//! finds. This is the only crate that opens a connection.
//!
//! | module | what it holds |
//! |---|---|
//! | `hub_model` | the name of a model and its revision |
//! | `settings` | where the hub and the cache are, and who asks: from the environment |
//! | `needed` | which files of a model are fetched |
//! | `checksum` | what a hub promises of a file |
//! | `connection` | requests and redirects; whom a token is sent to |
//! | `listing` | the commit of a revision, and its files |
//! | `cache` | where everything lies |
//! | `download` | one file: gone on with where it broke off, checked before it is kept |
//! | `hub` | a whole model |
//! | `error` | why a model could not be fetched, and what to do about it |

mod cache;
mod checksum;
mod connection;
mod download;
mod error;
mod hub;
mod hub_model;
mod listing;
mod needed;
mod settings;

pub use error::{Error, Result};
pub use hub::{Depth, Hub, LeftFile, Snapshot};
pub use hub_model::{HubModel, MAIN};
pub use needed::Weights;
pub use settings::{ENDPOINT, Settings, Token};
