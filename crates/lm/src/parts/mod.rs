//! What the families are built of: layers, and their fused forms on the CPU.

#[cfg(feature = "cpu")]
pub(crate) mod fused;
#[cfg(feature = "cpu")]
pub(crate) mod host;
pub(crate) mod pass;
pub(crate) mod site;
