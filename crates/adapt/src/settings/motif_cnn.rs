//! A convolution over bases: the floor by itself, and the stem beside a language model.

use std::num::NonZeroU32;
use std::path::PathBuf;

use lingo_artifact::LabelKind;
use lingo_artifact::bounded::{Positive, Rate};
use lingo_kernels::{Distance, ResidualLayers};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::settings::word_kernel::{WordKernel, WordKernelChoice};

/// Settings of `motif_cnn` and of `train.stem`. What the method is not given is that of the stem, where there is one: the
/// method is then the stem alone.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct MotifCnn {
    /// Motifs that are looked for. Default: 128.
    pub filters: Option<NonZeroU32>,
    /// Bases of a motif. Default: 15.
    pub width: Option<NonZeroU32>,
    /// Stretches of equal length in which each motif's strongest answer is looked for: 1 for sequences in which a motif
    /// means the same everywhere; more for sequences that are aligned (to a start site, say), where its place matters.
    /// Default: 1.
    pub bins: Option<NonZeroU32>,
    /// How much stronger or weaker a motif's answer is at each distance from the middle of the sequence, learnt for each motif:
    /// for windows around something, such as the summit of a peak. Default: not at all.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub distance: Option<ByDistance>,
    /// A second convolution over the answers of the first: what stands beside what. Default: none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub second: Option<SecondLayer>,
    /// Residual convolutions over the answers of the first, each looking further than the one before: what stands beside what,
    /// and what stands beside that. Not beside `second`. Default: none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub residual: Option<Residual>,
    /// Dropout of the motifs' strongest answers, before the head and before further convolutions. Default: 0.1.
    pub dropout: Option<Rate>,
    /// Passes over the training split. Default: those of `train`. An epoch takes a second or two, and the floor needs 15 to 40.
    pub epochs: Option<NonZeroU32>,
    /// Peak learning rate. Default: 3e-3, not that of `train`.
    pub learning_rate: Option<Positive>,
    /// Networks, each trained without one part of the training rows, whose logits are averaged; 1: a single one that
    /// is trained on all rows. Default: 1 as a method, 5 as a stem, which needs at least 2.
    pub folds: Option<NonZeroU32>,
    /// Further rows to learn from: those of one class, shuffled, as rows of another. For data whose negatives are shuffled
    /// positives. Needs at least 2 `folds`. Default: none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub shuffles: Option<Shuffles>,
    /// DNA without labels: while they learn the task, the networks learn to tell it from itself shuffled. Needs at least 2
    /// `folds`. Default: none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub natural: Option<Natural>,
    /// A linear model on the words (k-mers) of a sequence, whose logits are added to the networks'. Needs at least 2 `folds`.
    /// An empty list: none, whatever the stem has. Default: none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub words: Option<Vec<WordCounts>>,
    /// A kernel machine on the words of a sequence and on what stands beside them, whose logits are added, too. Needs at least
    /// 2 `folds`. `false`: none, whatever the stem has. Default: none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub kernel: Option<WordKernelChoice>,
}

/// Training rows of one class, shuffled so that they keep every dinucleotide, anew in every epoch, as rows of another class;
/// all rows of a class weigh together what they weighed without them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Shuffles {
    /// The class whose rows are shuffled.
    pub of: String,
    /// The class that the shuffled rows are of.
    #[serde(rename = "as")]
    pub become_of: String,
    /// How many of each row; 0: none, whatever the stem has. Default: 3.
    #[serde(default = "three")]
    pub each: u32,
}

fn three() -> u32 {
    3
}

/// DNA without labels.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Natural {
    /// The files that it stands in: genomes, or other sequences; an empty list: none, whatever the stem has. What shares 32 bases, or a whole row, with a row of the task, on either
    /// strand, is left out.
    pub fasta: Vec<PathBuf>,
    /// Windows, as long as the task's longest training row, that each network is given. Default: twice as many as there are
    /// training rows.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rows: Option<NonZeroU32>,
}

/// How places are told apart by their distance from the middle of a sequence.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct ByDistance {
    /// Places, on either side, that are taken together. Default: 5.
    pub every: NonZeroU32,
    /// The distance from which on all are taken together. Default: 50.
    pub until: NonZeroU32,
}

impl Default for ByDistance {
    fn default() -> Self {
        let count = |n| NonZeroU32::new(n).unwrap_or(NonZeroU32::MIN);
        Self {
            every: count(5),
            until: count(50),
        }
    }
}

impl ByDistance {
    /// As the kernels have it.
    pub(crate) fn classes(self) -> Distance {
        Distance {
            every: self.every.get() as usize,
            classes: self.until.get().div_ceil(self.every.get()) as usize,
        }
    }
}

/// Words of a sequence, for a linear model on the roots of their counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct WordCounts {
    /// Bases of the shortest words. Default: 2.
    pub shortest: NonZeroU32,
    /// Bases of the longest words, at most 10. Default: 8.
    pub longest: NonZeroU32,
    /// Whether a word and its reverse complement are one. Default: true.
    pub both_strands: bool,
    /// Words are counted in stretches of so many places, 1 for each place alone: for sequences that are aligned, to a start
    /// site, say. Default: in the whole sequence.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub every: Option<NonZeroU32>,
}

impl Default for WordCounts {
    fn default() -> Self {
        let count = |n| NonZeroU32::new(n).unwrap_or(NonZeroU32::MIN);
        Self {
            shortest: count(2),
            longest: count(8),
            both_strands: true,
            every: None,
        }
    }
}

impl WordCounts {
    /// Stretches of a sequence of so many bases in which words of a length begin.
    pub(crate) fn stretches(&self, k: u32, bases: usize) -> usize {
        let places = (bases + 1).saturating_sub(k as usize);
        match self.every {
            Some(every) => places.div_ceil(every.get() as usize),
            None => 1,
        }
    }
}

/// The second convolution of `motif_cnn`, over the strongest answers of the motifs in stretches of `pool` places; the head
/// reads the largest of each of its filters beside those of the motifs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct SecondLayer {
    /// Filters. Default: 64.
    pub filters: NonZeroU32,
    /// Stretches that a filter sees. Default: 7.
    pub width: NonZeroU32,
    /// Places of a stretch. Default: 3.
    pub pool: NonZeroU32,
    /// How far apart the stretches lie that a filter sees. Default: 1, side by side.
    pub dilation: NonZeroU32,
}

impl Default for SecondLayer {
    fn default() -> Self {
        let count = |n| NonZeroU32::new(n).unwrap_or(NonZeroU32::MIN);
        Self {
            filters: count(64),
            width: count(7),
            pool: count(3),
            dilation: count(1),
        }
    }
}

/// Residual convolutions over the strongest answers in stretches of places: the first looks at stretches side by side, the
/// next at every other one, at every fourth, and so on; each adds what it finds to what it looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Residual {
    /// Filters. Default: 64.
    pub filters: NonZeroU32,
    /// Stretches that a filter sees. Default: 5.
    pub width: NonZeroU32,
    /// Places of a stretch. Default: 3.
    pub pool: NonZeroU32,
    /// Convolutions, one over the other. Default: 3.
    pub layers: NonZeroU32,
}

impl Default for Residual {
    fn default() -> Self {
        let count = |n| NonZeroU32::new(n).unwrap_or(NonZeroU32::MIN);
        Self {
            filters: count(64),
            width: count(5),
            pool: count(3),
            layers: count(3),
        }
    }
}

impl Residual {
    /// How far apart the stretches lie that each convolution's filters see.
    pub(crate) fn dilations(self) -> Vec<usize> {
        (0..self.layers.get()).map(|layer| 1 << layer).collect()
    }
}

impl MotifCnn {
    /// The same with every setting in it: its own, else the stem's, else the default.
    pub(crate) fn settled(&self, stem: Option<&Self>, folds: u32) -> Self {
        let count = |n| NonZeroU32::new(n).unwrap_or(NonZeroU32::MIN);
        let own = self;
        let all = first(own, stem, |m| m.folds).unwrap_or(count(folds));
        let of_several = stem.filter(|_| all.get() > 1);
        Self {
            filters: Some(first(own, stem, |m| m.filters).unwrap_or(count(128))),
            width: Some(first(own, stem, |m| m.width).unwrap_or(count(15))),
            bins: Some(first(own, stem, |m| m.bins).unwrap_or(count(1))),
            distance: first(own, of_several, |m| m.distance),
            second: first(own, stem, |m| m.second).filter(|_| own.residual.is_none()),
            residual: first(own, stem, |m| m.residual).filter(|_| own.second.is_none()),
            dropout: first(own, stem, |m| m.dropout).or(Rate::try_from(0.1).ok()),
            epochs: first(own, stem, |m| m.epochs),
            learning_rate: first(own, stem, |m| m.learning_rate).or(Positive::try_from(3e-3).ok()),
            folds: Some(all),
            // A network by itself is the floor: it takes neither distances, words nor further rows from a stem.
            shuffles: first(own, of_several, |m| m.shuffles.clone())
                .filter(|shuffles| shuffles.each > 0),
            natural: first(own, of_several, |m| m.natural.clone())
                .filter(|natural| !natural.fasta.is_empty()),
            words: first(own, of_several, |m| m.words.clone()).filter(|words| !words.is_empty()),
            kernel: first(own, of_several, |m| m.kernel).filter(|kernel| kernel.on().is_some()),
        }
    }

    /// The files that `natural` names.
    pub(crate) fn natural_mut(&mut self) -> &mut [PathBuf] {
        self.natural
            .as_mut()
            .map_or(&mut [], |natural| &mut natural.fasta)
    }

    /// What is wrong with the settings, whatever they are used for.
    pub fn contradiction(&self) -> Option<String> {
        if self.second.is_some() && self.residual.is_some() {
            return Some(
                "`second` and `residual` are two ways to look at the motifs' answers again: leave one of them out".to_owned(),
            );
        }
        let second = |of: fn(SecondLayer) -> NonZeroU32| self.second.map(of);
        let residual = |of: fn(Residual) -> NonZeroU32| self.residual.map(of);
        let most = [
            ("filters", self.filters, 65_536),
            ("width", self.width, 1024),
            ("bins", self.bins, 65_536),
            ("folds", self.folds, 1000),
            (
                "shuffles.each",
                self.shuffles.as_ref().and_then(|s| NonZeroU32::new(s.each)),
                1000,
            ),
            ("distance.until", self.distance.map(|d| d.until), 65_536),
            ("second.filters", second(|s| s.filters), 65_536),
            ("second.width", second(|s| s.width), 1024),
            ("second.pool", second(|s| s.pool), 1024),
            ("second.dilation", second(|s| s.dilation), 1024),
            ("residual.filters", residual(|r| r.filters), 65_536),
            ("residual.width", residual(|r| r.width), 1024),
            ("residual.pool", residual(|r| r.pool), 1024),
            ("residual.layers", residual(|r| r.layers), 10),
        ];
        for words in self.words.iter().flatten() {
            if words.longest.get() > 10 {
                return Some(format!(
                    "`words.longest` is {}: at most 10 are possible",
                    words.longest
                ));
            }
            if words.shortest > words.longest {
                return Some(format!(
                    "`words.shortest` is {}, longer than `words.longest`, which is {}",
                    words.shortest, words.longest
                ));
            }
        }
        let beyond = most
            .into_iter()
            .find(|(_, given, most)| given.is_some_and(|given| given.get() > *most));
        beyond.map(|(key, given, most)| {
            let given = given.map_or(0, NonZeroU32::get);
            format!("`{key}` is {given}: at most {most} are possible")
        })
    }

    /// What of the settings does not go with labels of this kind, of settings that are settled.
    pub(crate) fn unfit(&self, labels: &LabelKind) -> Option<String> {
        let key = match (&self.shuffles, &self.natural) {
            (Some(_), _) => "shuffles",
            (_, Some(_)) => "natural",
            _ => return None,
        };
        if self.count() < 2 {
            return Some(format!("`{key}` needs at least 2 `folds`"));
        }
        let LabelKind::Classes(names) = labels else {
            return Some(format!(
                "`{key}` needs classes, and the labels are {labels}"
            ));
        };
        let shuffles = self.shuffles.as_ref()?;
        let asked = [("of", &shuffles.of), ("as", &shuffles.become_of)];
        let unknown = asked.into_iter().find(|(_, name)| !names.contains(name));
        if let Some((key, name)) = unknown {
            return Some(format!(
                "`shuffles.{key}` is `{name}`, which is no class of the task: they are {}",
                names.join(", ")
            ));
        }
        (shuffles.of == shuffles.become_of)
            .then(|| "`shuffles.of` and `shuffles.as` are the same class".to_owned())
    }

    /// The network, of settings that are settled.
    pub(crate) fn network(&self) -> MotifSettings {
        let count = |n: Option<NonZeroU32>| n.map_or(1, |n| n.get() as usize);
        MotifSettings {
            filters: count(self.filters),
            width: count(self.width),
            bins: count(self.bins),
            distance: self.distance.map(ByDistance::classes),
            second: self.second,
            residual: self.residual,
            dropout: self.dropout.map_or(0.0, Rate::get),
        }
    }

    /// The kernel machine, where there is one.
    pub(crate) fn word_kernel(&self) -> Option<WordKernel> {
        self.kernel.and_then(WordKernelChoice::on)
    }

    /// How many networks there are, of settings that are settled.
    pub(crate) fn count(&self) -> usize {
        self.folds.map_or(1, |folds| folds.get() as usize)
    }
}

fn first<T>(
    own: &MotifCnn,
    stem: Option<&MotifCnn>,
    of: impl Fn(&MotifCnn) -> Option<T>,
) -> Option<T> {
    of(own).or_else(|| of(stem?))
}

/// A convolution over bases with a linear head on its maximum.
#[derive(Clone, Copy, Debug)]
pub(crate) struct MotifSettings {
    pub filters: usize,
    /// Bases of a filter.
    pub width: usize,
    /// Stretches of a sequence with a maximum of their own.
    pub bins: usize,
    /// What a filter's answer rises by at which distances from the middle.
    pub distance: Option<Distance>,
    /// The second convolution.
    pub second: Option<SecondLayer>,
    /// Residual convolutions in its place.
    pub residual: Option<Residual>,
    /// Dropout of the filters' strongest answers.
    pub dropout: f64,
}

impl MotifSettings {
    /// Values that the head reads of one sequence.
    pub fn features(&self) -> usize {
        let second = self.second.map_or(0, |s| s.filters.get() as usize);
        let residual = self.residual.map_or(0, |r| r.filters.get() as usize);
        self.filters * self.bins + second + residual
    }

    /// Places of the stretches that are looked at again.
    pub fn pool(&self) -> Option<usize> {
        let second = self.second.map(|s| s.pool);
        let pool = second.or(self.residual.map(|r| r.pool))?;
        Some(pool.get() as usize)
    }

    /// Values of the residual convolutions: E, e, W and b, as the kernels have them.
    pub fn residual_sizes(&self) -> Option<[usize; 4]> {
        let of = self.residual?;
        let [filters, width, layers] = [of.filters, of.width, of.layers].map(|n| n.get() as usize);
        Some(ResidualLayers::sizes(self.filters, filters, width, layers))
    }

    /// Trained values on `sequences` sequences a row (two for pairs) with `outputs` outputs.
    pub fn parameters(&self, sequences: usize, outputs: usize) -> usize {
        let head = (sequences * self.features() + 1) * outputs;
        let second = self.second.map_or(0, |s| {
            let (filters, width) = (s.filters.get() as usize, s.width.get() as usize);
            filters * (width * self.filters + 1)
        });
        let residual = self.residual_sizes().map_or(0, |sizes| sizes.iter().sum());
        let classes = self.distance.map_or(0, |distance| distance.classes);
        (self.width * 4 + 1 + classes) * self.filters + second + residual + head
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_method_is_not_given_is_that_of_the_stem() {
        let read = |text: &str| serde_json::from_str::<MotifCnn>(text).unwrap();
        let stem = read(r#"{"filters": 64, "bins": 30}"#).settled(None, 5);
        let alone = read(r#"{"filters": 32}"#).settled(Some(&stem), 1);
        let network = alone.network();
        assert_eq!((network.filters, network.bins, network.width), (32, 30, 15));
        assert_eq!(alone.count(), 5);
        let floor = read(r#"{"folds": 1}"#).settled(Some(&stem), 1);
        assert_eq!(floor.count(), 1);
        let plain = read("{}").settled(None, 1);
        assert_eq!((plain.count(), plain.network().filters), (1, 128));
        assert_eq!(plain.learning_rate.map(Positive::get), Some(3e-3));
        assert_eq!(plain.settled(None, 7), plain);
        let stem = r#"{"words": [{"longest": 3}], "shuffles": {"of": "b", "as": "a"}, "natural": {"fasta": ["x.fa"]}}"#;
        let stem = read(stem).settled(None, 5);
        assert_eq!(read("{}").settled(Some(&stem), 1), stem);
        assert_eq!(stem.shuffles.as_ref().map(|s| s.each), Some(3));
        for without in [
            r#"{"folds": 1}"#,
            r#"{"words": [], "shuffles": {"of": "a", "as": "b", "each": 0}, "natural": {"fasta": []}}"#,
        ] {
            let settled = read(without).settled(Some(&stem), 1);
            assert_eq!(
                (settled.words, settled.shuffles, settled.natural),
                (None, None, None)
            );
        }
        let words = stem.words.unwrap()[0];
        let stem = read(r#"{"kernel": {"rows": 9}}"#).settled(None, 5);
        let kernel = |text| read(text).settled(Some(&stem), 1).word_kernel();
        assert_eq!(kernel("{}").map(|kernel| kernel.rows.get()), Some(9));
        assert_eq!(kernel(r#"{"folds": 1}"#), None);
        assert_eq!(kernel(r#"{"kernel": false}"#), None);
        assert_eq!(words.stretches(3, 8), 1);
        let every = NonZeroU32::new(4);
        assert_eq!(WordCounts { every, ..words }.stretches(3, 8), 2);
        let odd = read(r#"{"words": [{"shortest": 4, "longest": 3}]}"#);
        assert!(odd.contradiction().unwrap().contains("words.shortest"));
    }

    #[test]
    fn what_looks_again_is_one_or_the_other() {
        let read = |text: &str| serde_json::from_str::<MotifCnn>(text).unwrap();
        let both = read(r#"{"second": {}, "residual": {}}"#);
        assert!(both.contradiction().unwrap().contains("`residual`"));
        let deep = read(r#"{"residual": {"layers": 11}}"#);
        assert!(deep.contradiction().unwrap().contains("residual.layers"));
        let stem = read(r#"{"residual": {"layers": 4}}"#).settled(None, 5);
        let alone = read("{}").settled(Some(&stem), 1);
        assert_eq!(alone.residual.unwrap().dilations(), [1, 2, 4, 8]);
        // Its own way takes the place of the stem's.
        let other = read(r#"{"second": {}}"#).settled(Some(&stem), 1);
        assert_eq!((other.residual, other.contradiction()), (None, None));
    }
}
