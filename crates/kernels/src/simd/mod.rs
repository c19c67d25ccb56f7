//! What the kernels ask of a processor, and who answers: the instruction set is found or forced at run
//! time, and work that is written once runs on it.

pub(crate) mod bf16;
pub(crate) mod dispatch;
pub(crate) mod level;
#[cfg(target_arch = "aarch64")]
mod neon;
mod portable;
pub(crate) mod vector;
#[cfg(target_arch = "x86_64")]
mod x86;
