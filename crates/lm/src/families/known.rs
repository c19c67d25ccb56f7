//! The families that this crate knows. A new one is a file with an implementation of
//! [`ModelFamily`], and a line in each list here and in [`Family`].

use crate::config::family::Family;
use crate::families::bert::BertFamily;
use crate::families::distilbert::DistilBertFamily;
use crate::families::dnabert2::DnaBert2Family;
use crate::families::esm::EsmFamily;
use crate::families::family::{Classifier, ModelFamily};
use crate::families::gpt_neox::GptNeoxFamily;
use crate::families::gpt2::Gpt2Family;
use crate::families::llama;
use crate::families::modernbert::ModernBertFamily;
use crate::families::mpnet::MpNetFamily;
use crate::families::opt::OptFamily;
use crate::families::roberta::RobertaFamily;

impl Family {
    /// All families.
    pub const ALL: [Self; 14] = [
        Self::Bert,
        Self::DistilBert,
        Self::DnaBert2,
        Self::Esm,
        Self::Gpt2,
        Self::GptNeox,
        Self::Llama,
        Self::Mistral,
        Self::ModernBert,
        Self::MpNet,
        Self::Opt,
        Self::Qwen2,
        Self::Qwen3,
        Self::Roberta,
    ];

    pub(crate) fn model(self) -> &'static dyn ModelFamily {
        match self {
            Self::Bert => &BertFamily,
            Self::DistilBert => &DistilBertFamily,
            Self::DnaBert2 => &DnaBert2Family,
            Self::Esm => &EsmFamily,
            Self::Gpt2 => &Gpt2Family,
            Self::GptNeox => &GptNeoxFamily,
            Self::Llama => &llama::LLAMA,
            Self::Mistral => &llama::MISTRAL,
            Self::ModernBert => &ModernBertFamily,
            Self::MpNet => &MpNetFamily,
            Self::Opt => &OptFamily,
            Self::Qwen2 => &llama::QWEN2,
            Self::Qwen3 => &llama::QWEN3,
            Self::Roberta => &RobertaFamily,
        }
    }

    /// The family of this name.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|f| f.name() == name)
    }

    /// What it is called: the value of `model_type`, or `dnabert2`, which says that it is a `bert`.
    pub fn name(self) -> &'static str {
        self.model().name()
    }

    /// What stands before the names of the bare model in the files of a model with a head: `bert.`.
    pub fn prefix(self) -> String {
        format!("{}.", self.classifier().model)
    }

    /// The bare model's class in `transformers`.
    pub fn architecture(self) -> &'static str {
        self.model().architecture()
    }

    /// How `transformers` puts a classifier on the bare model.
    pub fn classifier(self) -> Classifier {
        self.model().classifier()
    }

    /// Whether a token sees only those before it.
    pub fn is_decoder(self) -> bool {
        self.model().is_decoder()
    }

    /// The linear layers that an adapter changes unless it is told otherwise, by the ends of their names, as PEFT users
    /// name them.
    pub fn default_targets(self) -> &'static [&'static str] {
        self.model().default_targets()
    }

    /// Whether files hold the weights of linear layers as `[input, output]`; PEFT asks for it as `fan_in_fan_out`.
    pub fn is_turned(self) -> bool {
        self.model().is_turned()
    }

    /// Whether a module of the bare model is an embedding, by its name.
    pub fn is_embedding(self, module: &str) -> bool {
        self.model().is_embedding(module)
    }

    /// Where the library `adapters` keeps the bottlenecks of attention and of the feed-forward layers, behind the
    /// block's name.
    pub fn bottlenecks(self) -> [&'static str; 2] {
        self.model().bottlenecks()
    }

    /// The name of the word embedding's tensor.
    pub fn word_embedding(self) -> &'static str {
        self.model().word_embedding()
    }
}
