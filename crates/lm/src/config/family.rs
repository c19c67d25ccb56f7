//! Which families of models there are; what each is stands in `families`.

/// The families of models that this crate knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Family {
    /// BERT: bidirectional encoder (Devlin et al. 2019).
    Bert,
    /// DistilBERT: a smaller BERT (Sanh et al. 2019).
    DistilBert,
    /// DNABERT-2: an encoder of DNA (Zhou et al. 2023).
    DnaBert2,
    /// ESM: an encoder of proteins (Lin et al. 2023), and the Nucleotide Transformer, of DNA (Dalla-Torre et al. 2024).
    Esm,
    /// OPT: causal decoder (Zhang et al. 2022).
    Opt,
    /// RoBERTa: a BERT pretrained for longer (Liu et al. 2019).
    Roberta,
}
