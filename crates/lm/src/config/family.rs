//! Which families of models there are; what each is stands in `families`.

/// The families of models that this crate knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Family {
    /// BERT: bidirectional encoder (Devlin et al. 2019).
    Bert,
    /// OPT: causal decoder (Zhang et al. 2022).
    Opt,
}
