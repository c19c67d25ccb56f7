//! The methods and their keys.

use std::num::NonZeroU32;

use lingo_artifact::bounded::{NonNegative, Positive, Probability};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::error::Error;
use crate::features::kmers;

/// How sequences are designed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Method {
    /// Bidirectional learning on frozen features (Chen et al. 2023).
    Bib(BibSettings),
    /// Gradient ascent on the mean of five linear heads.
    GradientAscent(AscentSettings),
    /// Every sequence there is, ranked by the loss of `bib`: what its search would find if nothing held it up. Up to 10 bases.
    Exhaustive(ExhaustiveSettings),
    /// Every sequence there is, ranked by ridge regression. Up to 10 bases.
    Ridge(RidgeSettings),
    /// An evolution strategy that adapts its covariance, on the mean of five linear heads.
    CmaEs(EvolutionSettings),
    /// A genetic algorithm with rollouts, on the mean of five linear heads (AdaLead; Sinai et al. 2020).
    Genetic(GeneticSettings),
    /// Both directions with the kernel of an infinitely wide network, without a language model (Chen et al. 2022).
    Bdi(BdiSettings),
    /// Sequences drawn evenly.
    Random(RandomSettings),
}

/// What a sequence is to a proxy.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum FeatureChoice {
    /// Counts of k-mers.
    Kmers(KmerFeatures),
    /// Which base stands where.
    OneHot(OneHotFeatures),
    /// The mean of the model's last states.
    LanguageModel(ModelFeatures),
    /// The same of the model's shape with random weights.
    RandomWeights(ModelFeatures),
    /// Several of these side by side, on one scale.
    Together(Vec<FeatureChoice>),
}

/// Counts of k-mers.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct KmerFeatures {
    /// Bases of a k-mer, 1 to 8. Default: 3.
    pub k: KmerLength,
    /// Whether it counts where a k-mer stands, on the strand that is written; else all places and both strands are one.
    /// Default: false.
    pub by_place: bool,
}

/// Places.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct OneHotFeatures {
    /// Whether the two bases of each two places are features, too. Default: false.
    pub pairs: bool,
}

/// The model's states.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct ModelFeatures {
    /// Whether both strands are read and the mean of their features taken; else the strand that is written. Default: false.
    pub both_strands: bool,
}

/// 1 to 8.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(try_from = "u8", into = "u8")]
pub struct KmerLength(#[schemars(range(min = 1, max = 8))] u8);

impl KmerLength {
    /// The length.
    pub fn get(self) -> usize {
        usize::from(self.0)
    }
}

impl TryFrom<u8> for KmerLength {
    type Error = String;

    fn try_from(k: u8) -> Result<Self, String> {
        if (1..=8).contains(&k) {
            Ok(Self(k))
        } else {
            Err(format!("k is {k}; k-mers of 1 to 8 bases are counted"))
        }
    }
}

impl From<KmerLength> for u8 {
    fn from(k: KmerLength) -> Self {
        k.0
    }
}

/// Which direction of the loss.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Direction {
    /// From the measured sequences to the design.
    Forward,
    /// From the design to the measured sequences.
    Backward,
    /// Both, weighted by `gamma`.
    #[default]
    Both,
}

/// The ensemble that adaptive steps look at.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Ensemble {
    /// Five heads, as the paper has it.
    #[default]
    Five,
    /// One head five times, as the authors' program has it.
    One,
}

/// Which sequences of a search are put out.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Choose {
    /// Where each candidate ended, as the paper has it.
    #[default]
    Final,
    /// The best of all that the candidates went through, each once.
    Visited,
    /// The best of these and of sequences one base away from the best, on and on while the chosen get better.
    Refined,
}

/// Bidirectional learning.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct BibSettings {
    /// What the closed forms read. Default: the language model.
    pub features: FeatureChoice,
    /// Default: both.
    pub direction: Direction,
    /// The weight of the forward loss; the backward one has the rest. Default: 0.5.
    pub gamma: Probability,
    /// Whether `gamma` is learnt, candidate by candidate, step by step. Default: false.
    pub adaptive_gamma: bool,
    /// Whether the learning rate is. Default: false.
    pub adaptive_rate: bool,
    /// What both look at. Default: five.
    pub ensemble: Ensemble,
    /// Default: final.
    pub choose: Choose,
    /// The score that designs are to have, in standard deviations above the mean of the measured. Default: 10.
    pub target: Positive,
    /// Steps of Adam. Default: 100.
    pub steps: NonZeroU32,
    /// Adam's rate. Default: 0.1.
    pub learning_rate: Positive,
    /// The standard deviation of the first logits. Default: 0.01.
    pub noise: NonNegative,
    /// Whether all candidates begin with one draw of them, as the paper has it, or each with its own. Default: true.
    pub shared_noise: bool,
}

/// Gradient ascent.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct AscentSettings {
    /// What the heads read. Default: the language model.
    pub features: FeatureChoice,
    /// Default: final.
    pub choose: Choose,
    /// Steps of Adam. Default: 100.
    pub steps: NonZeroU32,
    /// Adam's rate. Default: 0.1.
    pub learning_rate: Positive,
    /// The standard deviation of the first logits. Default: 0.01.
    pub noise: NonNegative,
    /// Whether all candidates begin with one draw of them, as the paper has it, or each with its own. Default: true.
    pub shared_noise: bool,
}

/// All sequences, by the loss.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct ExhaustiveSettings {
    /// What the closed forms read. Default: the language model.
    pub features: FeatureChoice,
    /// Default: both.
    pub direction: Direction,
    /// The weight of the forward loss. Default: 0.5.
    pub gamma: Probability,
    /// As in `bib`. Default: 10.
    pub target: Positive,
}

/// All sequences, by ridge regression.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct RidgeSettings {
    /// Default: counts of 3-mers.
    pub features: FeatureChoice,
    /// What is added to the diagonal; the intercept is free. Default: 1.
    pub lambda: Positive,
}

/// Evolution.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct EvolutionSettings {
    /// What the heads read. Default: counts of 3-mers.
    pub features: FeatureChoice,
    /// Sequences that the heads are asked about. Default: 12,800.
    pub evaluations: NonZeroU32,
    /// The first standard deviation of the logits. Default: 0.5.
    pub deviation: Positive,
}

/// A genetic algorithm.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct GeneticSettings {
    /// What the heads read. Default: counts of 3-mers.
    pub features: FeatureChoice,
    /// Sequences that the heads are asked about. Default: 12,800.
    pub evaluations: NonZeroU32,
    /// Parents score within this share of the range below the best. Default: 0.05.
    pub threshold: Probability,
    /// The probability that a place is taken from the other parent. Default: 0.2.
    pub recombination: Probability,
    /// Changed bases of a child, on average. Default: 1.
    pub mutations: Positive,
}

/// The kernel of an infinitely wide network.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct BdiSettings {
    /// Known sequences of the kernel, a matrix of all pairs; of more, so many are taken evenly by score. Default: 5,000.
    pub rows: NonZeroU32,
    /// As in `bib`. Default: 10.
    pub target: Positive,
    /// Steps of Adam. Default: 200.
    pub steps: NonZeroU32,
    /// Adam's rate. Default: 0.1.
    pub learning_rate: Positive,
}

/// Nothing to set.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct RandomSettings {}

impl Default for KmerFeatures {
    fn default() -> Self {
        Self {
            k: KmerLength(3),
            by_place: false,
        }
    }
}

impl FeatureChoice {
    fn of_kmers() -> Self {
        Self::Kmers(KmerFeatures::default())
    }

    fn of_model() -> Self {
        Self::LanguageModel(ModelFeatures::default())
    }

    /// Whether a model is read.
    pub fn needs_model(&self) -> bool {
        match self {
            Self::Kmers(_) | Self::OneHot(_) => false,
            Self::LanguageModel(_) | Self::RandomWeights(_) => true,
            Self::Together(parts) => parts.iter().any(Self::needs_model),
        }
    }

    /// Whether the seed of a cell changes them.
    pub fn is_drawn(&self) -> bool {
        match self {
            Self::RandomWeights(_) => true,
            Self::Together(parts) => parts.iter().any(Self::is_drawn),
            Self::Kmers(_) | Self::OneHot(_) | Self::LanguageModel(_) => false,
        }
    }

    /// Whether the places of a sequence have features of their own.
    pub(crate) fn counts_places(&self) -> bool {
        match self {
            Self::Kmers(kmers) => kmers.by_place,
            Self::OneHot(_) => true,
            Self::LanguageModel(_) | Self::RandomWeights(_) => false,
            Self::Together(parts) => parts.iter().any(Self::counts_places),
        }
    }

    /// How many there are of a sequence; 0 where a model tells.
    pub(crate) fn width(&self, length: usize) -> usize {
        match self {
            Self::Kmers(kmers) if kmers.by_place => {
                (length + 1).saturating_sub(kmers.k.get()) << (2 * kmers.k.get())
            }
            Self::Kmers(kmers) => 1 << (2 * kmers.k.get() - 1),
            Self::OneHot(one_hot) if one_hot.pairs => {
                4 * length + 8 * length * length.saturating_sub(1)
            }
            Self::OneHot(_) => 4 * length,
            Self::LanguageModel(_) | Self::RandomWeights(_) => 0,
            Self::Together(parts) => parts.iter().map(|part| part.width(length)).sum(),
        }
    }

    /// Whether the shortest sequence has a k-mer.
    pub(crate) fn check_length(&self, shortest: usize) -> Result<(), Error> {
        match self {
            Self::Kmers(kmers) => kmers::fits(kmers.k.get(), shortest),
            Self::Together(parts) => parts
                .iter()
                .try_for_each(|part| part.check_length(shortest)),
            Self::OneHot(_) | Self::LanguageModel(_) | Self::RandomWeights(_) => Ok(()),
        }
    }

    fn check(&self) -> Result<(), Error> {
        match self {
            Self::Together(parts) if parts.len() < 2 => Err(Error::Settings(
                "`together` sets features side by side: name two or more".into(),
            )),
            Self::Together(parts) => {
                if parts.iter().any(|part| matches!(part, Self::Together(_))) {
                    let message =
                        "`together` within `together`: name all of its features in one list";
                    return Err(Error::Settings(message.into()));
                }
                Ok(())
            }
            _ => Ok(()),
        }
    }
}

fn count(n: u32) -> NonZeroU32 {
    NonZeroU32::new(n).unwrap_or(NonZeroU32::MIN)
}

fn positive(x: f64) -> Positive {
    Positive::try_from(x).unwrap_or_else(|_| unreachable!())
}

fn probability(x: f64) -> Probability {
    Probability::try_from(x).unwrap_or_else(|_| unreachable!())
}

fn noise() -> NonNegative {
    NonNegative::try_from(0.01).unwrap_or_else(|_| unreachable!())
}

impl Default for BibSettings {
    fn default() -> Self {
        Self {
            features: FeatureChoice::of_model(),
            direction: Direction::Both,
            gamma: probability(0.5),
            adaptive_gamma: false,
            adaptive_rate: false,
            ensemble: Ensemble::Five,
            choose: Choose::Final,
            target: positive(10.0),
            steps: count(100),
            learning_rate: positive(0.1),
            noise: noise(),
            shared_noise: true,
        }
    }
}

impl Default for AscentSettings {
    fn default() -> Self {
        Self {
            features: FeatureChoice::of_model(),
            choose: Choose::Final,
            steps: count(100),
            learning_rate: positive(0.1),
            noise: noise(),
            shared_noise: true,
        }
    }
}

impl Default for ExhaustiveSettings {
    fn default() -> Self {
        Self {
            features: FeatureChoice::of_model(),
            direction: Direction::Both,
            gamma: probability(0.5),
            target: positive(10.0),
        }
    }
}

impl Default for RidgeSettings {
    fn default() -> Self {
        Self {
            features: FeatureChoice::of_kmers(),
            lambda: positive(1.0),
        }
    }
}

impl Default for EvolutionSettings {
    fn default() -> Self {
        Self {
            features: FeatureChoice::of_kmers(),
            evaluations: count(12_800),
            deviation: positive(0.5),
        }
    }
}

impl Default for BdiSettings {
    fn default() -> Self {
        Self {
            rows: count(5_000),
            target: positive(10.0),
            steps: count(200),
            learning_rate: positive(0.1),
        }
    }
}

impl Default for GeneticSettings {
    fn default() -> Self {
        Self {
            features: FeatureChoice::of_kmers(),
            evaluations: count(12_800),
            threshold: probability(0.05),
            recombination: probability(0.2),
            mutations: positive(1.0),
        }
    }
}

impl Method {
    /// The features that it reads; those of `bdi` and `random` only judge its designs.
    pub fn features(&self) -> FeatureChoice {
        match self {
            Self::Bib(settings) => settings.features.clone(),
            Self::GradientAscent(settings) => settings.features.clone(),
            Self::Exhaustive(settings) => settings.features.clone(),
            Self::Ridge(settings) => settings.features.clone(),
            Self::CmaEs(settings) => settings.features.clone(),
            Self::Genetic(settings) => settings.features.clone(),
            Self::Bdi(_) | Self::Random(_) => FeatureChoice::of_kmers(),
        }
    }

    /// What a file calls it.
    pub(crate) fn name(&self) -> &'static str {
        match self {
            Self::Bib(_) => "bib",
            Self::GradientAscent(_) => "gradient_ascent",
            Self::Exhaustive(_) => "exhaustive",
            Self::Ridge(_) => "ridge",
            Self::CmaEs(_) => "cma_es",
            Self::Genetic(_) => "genetic",
            Self::Bdi(_) => "bdi",
            Self::Random(_) => "random",
        }
    }

    /// Whether a seed changes anything.
    pub fn is_drawn(&self) -> bool {
        let is_search = !matches!(self, Self::Exhaustive(_) | Self::Ridge(_) | Self::Bdi(_));
        is_search || self.features().is_drawn()
    }

    /// What no single key shows.
    ///
    /// # Errors
    /// Adaptive steps weigh both directions; features side by side are two or more.
    pub fn check(&self) -> Result<(), Error> {
        self.features().check()?;
        match self {
            Self::Bib(settings)
                if settings.adaptive_gamma && settings.direction != Direction::Both =>
            {
                Err(Error::Settings(
                    "adaptive_gamma weighs both directions: take `direction: both`".into(),
                ))
            }
            _ => Ok(()),
        }
    }
}
