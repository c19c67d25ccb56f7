//! What the pipeline file says of training, and which layers a method adapts.

pub mod average;
pub mod checkpoint_every;
pub mod class_weights;
pub mod head;
pub mod layers;
pub mod masked_dna;
pub mod motif_cnn;
pub mod train_config;
pub mod word_kernel;
