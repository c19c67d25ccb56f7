//! Learned keys and values before those of the tokens.

use lingo_artifact::random::Stream;
use lingo_lm::Model;

use crate::network::store::ParameterStore;

/// Adds them to the store, `[count, blocks x 2 x key and value width]`; they begin as PEFT's, N(0, 1).
pub(crate) fn add(store: &mut ParameterStore, model: &Model, count: usize, seed: u64) -> usize {
    let width = model.config().prefix_width();
    let mut stream = Stream::new(seed, "initial values of the prefix");
    let values = (0..count * width).map(|_| stream.normal() as f32).collect();
    store.add("prefix", &[count, width], values)
}
