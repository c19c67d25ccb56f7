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
    /// GPT-2: causal decoder (Radford et al. 2019).
    Gpt2,
    /// GPT-NeoX: causal decoder (Black et al. 2022), and Pythia (Biderman et al. 2023).
    GptNeox,
    /// Llama: causal decoder (Touvron et al. 2023).
    Llama,
    /// Mistral: a Llama whose tokens see a window (Jiang et al. 2023).
    Mistral,
    /// ModernBERT: an encoder most of whose blocks see a window (Warner et al. 2024).
    ModernBert,
    /// MPNet: a BERT whose scores depend on distances (Song et al. 2020).
    MpNet,
    /// OPT: causal decoder (Zhang et al. 2022).
    Opt,
    /// Qwen2: a Llama with biases (Yang et al. 2024).
    Qwen2,
    /// Qwen3: a Llama with norms of queries and keys (Yang et al. 2025).
    Qwen3,
    /// RoBERTa: a BERT pretrained for longer (Liu et al. 2019).
    Roberta,
}
