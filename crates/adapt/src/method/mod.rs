//! The methods of adaptation, one file each behind one trait.
//!
//! - `adaptation`: the trait: what is trained, where it enters the model, how it begins, its form in PEFT
//! - `methods`: the list of them, as the pipeline file names them
//! - `rank_budget`: what methods that adapt their rank have in common

pub(crate) mod adalora;
pub(crate) mod adaptation;
pub(crate) mod adaptive_rank_sampling;
pub(crate) mod bitfit;
pub(crate) mod bottleneck;
pub(crate) mod full;
pub(crate) mod head;
pub(crate) mod ia3;
pub(crate) mod lora;
pub(crate) mod methods;
pub(crate) mod motif_cnn;
pub(crate) mod prefix_tuning;
pub(crate) mod prompt_tuning;
pub(crate) mod rank_budget;
