//! Low-rank adapters on frozen language models: rank allocation, the trainer, PEFT folders.
//!
//! - [`rank`]: which triplets live: AdaLoRA, adaptive rank sampling

pub mod rank;
