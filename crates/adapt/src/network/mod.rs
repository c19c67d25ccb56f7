//! A model with deltas, new embedding rows and a head; what is trained on it, on the host.

pub(crate) mod adapted;
pub(crate) mod bottlenecks;
pub(crate) mod kernel;
pub(crate) mod motif_net;
pub(crate) mod net;
pub(crate) mod new_rows;
pub(crate) mod prefix;
pub(crate) mod stem;
pub(crate) mod store;
pub(crate) mod words;
