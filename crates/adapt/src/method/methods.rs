//! What is trained: the methods of the pipeline file. A new one is a file with an implementation
//! of [`AdaptationMethod`], and a line in each list here.

use std::path::PathBuf;
use std::str::FromStr;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::method::adalora::Adalora;
use crate::method::adaptation::{AdaptationMethod, LowRankSettings};
use crate::method::adaptive_rank_sampling::AdaptiveRankSampling;
use crate::method::bitfit::Bitfit;
use crate::method::bottleneck::Bottleneck;
use crate::method::full::Full;
use crate::method::head::HeadMethod;
use crate::method::ia3::Ia3;
use crate::method::lora::Lora;
use crate::method::prefix_tuning::PrefixTuning;
use crate::method::prompt_tuning::PromptTuning;
use crate::settings::motif_cnn::MotifCnn;
use crate::settings::train_config::TrainConfig;

/// How a language model is adapted to a task.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Method {
    /// A linear probe: the model stays as it is, only the head is trained.
    Head(HeadMethod),
    /// Low-rank adapters of one fixed rank (Hu et al. 2022).
    Lora(Lora),
    /// Low-rank adapters whose rank is allocated by importance (Zhang et al. 2023).
    Adalora(Adalora),
    /// Low-rank adapters with stochastic reintroduction of pruned triplets (Zhan, Wu and Zhang 2024).
    AdaptiveRankSampling(AdaptiveRankSampling),
    /// Learned factors of keys, values and what the activation gives (Liu et al. 2022).
    Ia3(Ia3),
    /// Learned vectors before the embedded tokens (Lester et al. 2021).
    PromptTuning(PromptTuning),
    /// Learned keys and values before those of the tokens, in every block (Li and Liang 2021).
    PrefixTuning(PrefixTuning),
    /// Small networks behind attention and the feed-forward layers, or beside them (Houlsby et al. 2019).
    Bottleneck(Bottleneck),
    /// The model's biases and nothing else of it (Ben Zaken et al. 2022).
    Bitfit(Bitfit),
    /// Every parameter of the model.
    Full(Full),
    /// No language model: a convolution over the bases, trained from nothing. The floor that a language model has to beat.
    MotifCnn(MotifCnn),
}

impl Method {
    pub(crate) fn adaptation(&self) -> &dyn AdaptationMethod {
        match self {
            Self::Head(m) => m,
            Self::Lora(m) => m,
            Self::Adalora(m) => m,
            Self::AdaptiveRankSampling(m) => m,
            Self::Ia3(m) => m,
            Self::PromptTuning(m) => m,
            Self::PrefixTuning(m) => m,
            Self::Bottleneck(m) => m,
            Self::Bitfit(m) => m,
            Self::Full(m) => m,
            Self::MotifCnn(m) => m,
        }
    }

    /// Every method with its default settings.
    pub fn all() -> [Self; 11] {
        [
            Self::Head(HeadMethod::default()),
            Self::Lora(Lora::default()),
            Self::Adalora(Adalora::default()),
            Self::AdaptiveRankSampling(AdaptiveRankSampling::default()),
            Self::Ia3(Ia3::default()),
            Self::PromptTuning(PromptTuning::default()),
            Self::PrefixTuning(PrefixTuning::default()),
            Self::Bottleneck(Bottleneck::default()),
            Self::Bitfit(Bitfit::default()),
            Self::Full(Full::default()),
            Self::MotifCnn(MotifCnn::default()),
        ]
    }

    /// The method's name in the pipeline file.
    pub fn name(&self) -> &'static str {
        self.adaptation().name()
    }

    /// Method and training with what each takes from the other: a method's own epochs; the motifs of a stem, which
    /// `motif_cnn` trains alone.
    pub fn settled(&self, train: &TrainConfig) -> (Self, TrainConfig) {
        let stem = train.settled_stem();
        let method = match self {
            Self::MotifCnn(motifs) => Self::MotifCnn(motifs.settled(stem.as_ref(), 1)),
            other => other.clone(),
        };
        let train = TrainConfig {
            epochs: method.adaptation().epochs().unwrap_or(train.epochs),
            stem: stem.filter(|_| !self.reads_bases()),
            ..train.clone()
        };
        (method, train)
    }

    /// The peak learning rate that it is trained with: its own, which some methods have by default, or that of `train`.
    pub fn learning_rate(&self, train: &TrainConfig) -> f64 {
        let (method, train) = self.settled(train);
        let own = method.adaptation().learning_rate();
        own.unwrap_or_else(|| train.learning_rate.get())
    }

    /// The files with DNA that `natural` names, of the method or of the stem in `train`, as they are to be opened for a cell.
    pub fn natural(&self, train: &TrainConfig) -> Vec<PathBuf> {
        let (method, train) = self.settled(train);
        let motifs = method.adaptation().motifs().or(train.stem.as_ref());
        let natural = motifs.and_then(|motifs| motifs.natural.clone());
        natural.map_or_else(Vec::new, |natural| natural.fasta)
    }

    /// The paths of [`Self::natural`] in the method's own settings.
    pub fn natural_mut(&mut self) -> &mut [PathBuf] {
        match self {
            Self::MotifCnn(motifs) => motifs.natural_mut(),
            _ => &mut [],
        }
    }

    /// Whether the method trains on the bases themselves, and no language model.
    pub fn reads_bases(&self) -> bool {
        self.adaptation().motifs().is_some()
    }

    /// What is wrong with the settings, whatever they are used for.
    pub fn contradiction(&self) -> Option<String> {
        self.adaptation().contradiction()
    }

    pub(crate) fn trains_the_model(&self) -> bool {
        self.adaptation().trains_the_model()
    }

    /// Whether the model is run by its plain operations, because the kernels lack what the method adds to a block.
    pub(crate) fn needs_plain_operations(&self) -> bool {
        let has_magnitude = |settings: LowRankSettings| settings.has_magnitude;
        self.trains_the_model()
            || self.adaptation().scales().is_some()
            || self.low_rank().is_some_and(has_magnitude)
            || self.adaptation().prefix() > 0
            || self.adaptation().bottlenecks().is_some()
    }

    /// Whether gradients are asked for below the head.
    pub(crate) fn reaches_below_the_head(&self) -> bool {
        self.low_rank().is_some() || self.adaptation().prompt() > 0
    }

    pub(crate) fn low_rank(&self) -> Option<LowRankSettings<'_>> {
        self.adaptation().low_rank()
    }
}

impl FromStr for Method {
    type Err = String;

    /// A method with its default settings, by its name.
    fn from_str(name: &str) -> Result<Self, String> {
        let full = if name == "ars" {
            "adaptive_rank_sampling"
        } else {
            name
        };
        let found = Self::all().into_iter().find(|m| m.name() == full);
        found.ok_or_else(|| {
            format!(
                "`{name}` is no method; use head, lora, adalora, adaptive_rank_sampling (ars), ia3, prompt_tuning, \
                 prefix_tuning, bottleneck, bitfit, full or motif_cnn"
            )
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_given_has_a_default_and_what_is_unknown_an_error() {
        let method: Method =
            serde_json::from_str(r#"{"lora": {"rank": 4, "layers": "0-2"}}"#).unwrap();
        let Method::Lora(lora) = &method else {
            panic!("{method:?}")
        };
        assert_eq!((lora.rank.get(), lora.alpha.get()), (4, 16.0));
        for bad in [
            r#"{"lora": {"rank": 0}}"#,
            r#"{"lora": {"ranks": 4}}"#,
            r#"{"lorra": {}}"#,
            r#"{"lora": {"dropout": 1}}"#,
            r#"{"lora": {"layers": "5-2"}}"#,
            r#"{"adaptive_rank_sampling": {"variant": "as-wished"}}"#,
        ] {
            assert!(serde_json::from_str::<Method>(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn every_method_can_be_had_by_its_name() {
        for name in [
            "head",
            "lora",
            "adalora",
            "adaptive_rank_sampling",
            "ia3",
            "prompt_tuning",
            "prefix_tuning",
            "bottleneck",
            "bitfit",
            "full",
            "motif_cnn",
        ] {
            assert_eq!(name.parse::<Method>().unwrap().name(), name);
        }
        assert!("prefix".parse::<Method>().is_err());
    }
}
