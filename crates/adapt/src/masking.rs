//! Tokens that are hidden from a model and asked of it: how it learns from DNA that has no labels.
//!
//! An encoder is asked for tokens that it does not see, by BERT's rule (Devlin et al. 2019, section 3.1): of those that are
//! chosen four in five are replaced by the mask, one in ten by another at random. A decoder, which sees what stands before a
//! token and nothing behind it, is asked for the next one everywhere.

use std::collections::{BTreeMap, BTreeSet};

use lingo_artifact::Label;
use lingo_artifact::random::Stream;
use lingo_artifact::tokens::TokenRow;
use lingo_artifact::vocabulary::Encoding;

/// A token that is asked for.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Asked {
    /// The place, among those of its row, of the state that is to tell it.
    pub place: u32,
    /// Which it is.
    pub label: Label,
}

/// Which tokens are asked for.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Rule {
    /// A share of them, which is hidden.
    Hidden {
        /// Which.
        share: f64,
        /// The id that stands in their place.
        mask: u32,
    },
    /// Each, of the state before it.
    Next,
}

/// What is hidden of a row and asked for.
#[derive(Debug)]
pub struct Masking {
    rule: Rule,
    /// The class of each token of DNA.
    classes: BTreeMap<u32, u32>,
    /// The tokens, by class.
    ids: Vec<u32>,
    /// Bases of each, by class.
    widths: Vec<f64>,
    /// Tokens before and behind the DNA of a row.
    around: [usize; 2],
    /// Bases from one token to the next, and bases of a token, where tokens overlap.
    overlap: Option<[usize; 2]>,
}

impl Masking {
    /// For rows of one encoding: what may be asked for are tokens of A, C, G and T that `rows` have. Of a tokenizer of text it
    /// is not known how many bases its tokens stand for, but on the mean: `bases` in all of these rows.
    pub(crate) fn of(encoding: &Encoding, rows: &[&TokenRow], bases: usize, rule: Rule) -> Self {
        let around = [encoding.before.len(), encoding.after.len()];
        let overlap = overlap(&encoding.scheme);
        let mut seen: BTreeMap<u32, usize> = BTreeMap::new();
        for row in rows {
            for id in dna(&row.input_ids, around) {
                *seen.entry(*id).or_default() += 1;
            }
        }
        let count: usize = seen.values().sum();
        let mean = bases as f64 / count.max(1) as f64;
        // A merged token is written as the two that it is made of.
        let known: BTreeMap<u32, String> = (encoding.tokens.iter())
            .map(|(text, id)| (*id, text.replace(' ', "")))
            .collect();
        let (mut classes, mut ids, mut widths) = (BTreeMap::new(), Vec::new(), Vec::new());
        for &id in seen.keys() {
            let width = match known.get(&id) {
                None if known.is_empty() => mean,
                Some(text) if is_dna(text) => text.len() as f64,
                _ => continue,
            };
            classes.insert(id, widths.len() as u32);
            ids.push(id);
            widths.push(width);
        }
        Self {
            rule,
            classes,
            ids,
            widths,
            around,
            overlap,
        }
    }

    /// How many tokens there are to ask for.
    pub(crate) fn classes(&self) -> usize {
        self.widths.len()
    }

    /// All that shapes what is asked for.
    pub(crate) fn described(&self) -> String {
        format!("{self:?}")
    }

    /// The tokens of some of these rows, for what is known without reading them: how frequent each is.
    pub(crate) fn labels(&self, rows: &[&TokenRow]) -> Vec<Label> {
        // Frequencies of a few thousand rows are those of all.
        let some = rows.iter().take(2000);
        let ids = some.flat_map(|row| dna(&row.input_ids, self.around));
        ids.filter_map(|id| self.classes.get(id).map(|class| Label::Class(*class)))
            .collect()
    }

    /// The ids of a row as a network reads them, and what it is asked for, drawn from `seed`.
    pub(crate) fn hide(&self, ids: &[u32], seed: u64) -> (Vec<u32>, Vec<Asked>) {
        let mut ids = ids.to_vec();
        let places = self.places(&ids);
        let asked = |place: usize, of: usize, ids: &[u32]| Asked {
            place: place as u32,
            label: Label::Class(self.classes[&ids[of]]),
        };
        match self.rule {
            Rule::Next => {
                let behind_one = places.into_iter().filter(|&place| place > 0);
                let all = behind_one.map(|place| asked(place - 1, place, &ids));
                let all = all.collect();
                (ids, all)
            }
            Rule::Hidden { share, mask } => {
                let mut stream = Stream::new(seed, "hidden tokens of a row");
                let chosen = self.chosen(&places, share, &mut stream);
                let all = chosen.iter().map(|&place| asked(place, place, &ids));
                let all: Vec<Asked> = all.collect();
                for place in chosen {
                    let drawn = stream.uniform();
                    if drawn < 0.8 {
                        ids[place] = mask;
                    } else if drawn < 0.9 {
                        ids[place] = self.ids[stream.below(self.ids.len())];
                    }
                }
                (ids, all)
            }
        }
    }

    /// Bases that a row's answers tell: of overlapping tokens those that no token shows which was left.
    pub(crate) fn bases(&self, ids: &[u32], asked: &[Asked]) -> f64 {
        let classes = asked.iter().filter_map(|asked| match asked.label {
            Label::Class(class) => Some(class as usize),
            _ => None,
        });
        match (self.overlap, self.rule) {
            (None, _) => classes.map(|class| self.widths[class]).sum(),
            (Some([stride, width]), Rule::Next) => {
                // Of a token behind another what is new are its last bases; the first has no other before it.
                let first = self.around[0].checked_sub(1);
                let is_first = |asked: &Asked| Some(asked.place as usize) == first;
                let more = if asked.iter().any(is_first) {
                    width - stride
                } else {
                    0
                };
                (stride * asked.len() + more) as f64
            }
            (Some([stride, width]), Rule::Hidden { .. }) => {
                let hidden: BTreeSet<usize> = asked.iter().map(|a| a.place as usize).collect();
                let tokens = dna(ids, self.around).len();
                let mut is_hidden = vec![true; tokens.saturating_sub(1) * stride + width];
                for token in 0..tokens {
                    if !hidden.contains(&(self.around[0] + token)) {
                        is_hidden[token * stride..][..width].fill(false);
                    }
                }
                is_hidden.iter().filter(|hidden| **hidden).count() as f64
            }
        }
    }

    /// The places of tokens that may be asked for.
    fn places(&self, ids: &[u32]) -> Vec<usize> {
        let [before, _] = self.around;
        let of_dna = dna(ids, self.around).iter().enumerate();
        let known = of_dna.filter(|(_, id)| self.classes.contains_key(id));
        known.map(|(i, _)| before + i).collect()
    }

    /// A share of these places, one at least, in order. Where tokens overlap, one that is hidden alone could be read off its
    /// neighbours: as many are hidden side by side as hold a base (DNABERT, Ji et al. 2021).
    fn chosen(&self, places: &[usize], share: f64, stream: &mut Stream) -> Vec<usize> {
        let together = self
            .overlap
            .map_or(1, |[stride, width]| width.div_ceil(stride));
        let wanted = (share * places.len() as f64 / together as f64).round();
        let mut starts = places.to_vec();
        stream.shuffle(&mut starts);
        starts.truncate((wanted as usize).max(1));
        let known: BTreeSet<usize> = places.iter().copied().collect();
        let all = starts.iter().flat_map(|&start| start..start + together);
        let all: BTreeSet<usize> = all.filter(|place| known.contains(place)).collect();
        all.into_iter().collect()
    }
}

/// The ids of a row between those that stand around its DNA.
fn dna(ids: &[u32], [before, after]: [usize; 2]) -> &[u32] {
    ids.get(before..ids.len().saturating_sub(after))
        .unwrap_or_default()
}

fn is_dna(text: &str) -> bool {
    !text.is_empty()
        && text
            .bytes()
            .all(|base| b"ACGT".contains(&base.to_ascii_uppercase()))
}

/// Bases from one k-mer to the next and bases of a k-mer, of `kmer:6:1` and other schemes whose tokens overlap.
fn overlap(scheme: &str) -> Option<[usize; 2]> {
    let mut parts = scheme.strip_prefix("kmer:")?.split(':');
    let mut number = || parts.next()?.parse::<usize>().ok();
    let (width, stride) = (number()?, number()?);
    (stride > 0 && stride < width).then_some([stride, width])
}

#[cfg(test)]
mod tests {
    use lingo_artifact::Split;

    use super::*;

    /// `[CLS]`, DNA, `[SEP]`; single bases or 2-mers have the ids from 10 on, N has 9.
    fn encoding(scheme: &str, texts: &[&str]) -> Encoding {
        let tokens = (10..).zip(texts).map(|(id, text)| (text.to_string(), id));
        Encoding {
            scheme: scheme.into(),
            vocabulary: "reuse".into(),
            tokens: tokens.chain([("N".to_string(), 9)]).collect(),
            new_rows: None,
            template: None,
            before: vec![1],
            after: vec![2],
            between: Vec::new(),
            max_length: 100,
            pad: 0,
            model_vocab_size: 40,
            tokenizer: None,
        }
    }

    fn row(ids: &[u32]) -> TokenRow {
        TokenRow {
            id: "row".into(),
            split: Split::Train,
            label: Label::Class(0),
            input_ids: [&[1], ids, &[2]].concat(),
        }
    }

    const HIDDEN: Rule = Rule::Hidden {
        share: 0.15,
        mask: 3,
    };

    #[test]
    fn what_is_asked_for_is_hidden_by_berts_rule() {
        let mut stream = Stream::new(1, "rows of a test");
        let dna: Vec<u32> = (0..100)
            .map(|i| {
                if i % 10 == 0 {
                    9
                } else {
                    10 + stream.below(4) as u32
                }
            })
            .collect();
        let row = row(&dna);
        let masking = Masking::of(
            &encoding("base", &["A", "C", "G", "T"]),
            &[&row],
            100,
            HIDDEN,
        );
        assert_eq!(masking.classes(), 4);
        assert_eq!(masking.labels(&[&row]).len(), 90);
        let (mut masked, mut other, mut all) = (0, 0, 0);
        let mut places = BTreeSet::new();
        for seed in 0..2000 {
            let (ids, asked) = masking.hide(&row.input_ids, seed);
            assert_eq!(
                (ids.clone(), asked.clone()),
                masking.hide(&row.input_ids, seed)
            );
            // 0.15 x 90.
            assert_eq!(asked.len(), 14);
            assert!(asked.windows(2).all(|two| two[0].place < two[1].place));
            assert_eq!(masking.bases(&row.input_ids, &asked), 14.0);
            for (place, (&was, &is)) in row.input_ids.iter().zip(&ids).enumerate() {
                let asked = asked.iter().find(|asked| asked.place as usize == place);
                let Some(asked) = asked else {
                    assert_eq!(was, is, "what is not asked for is left");
                    continue;
                };
                places.insert(place);
                // The true token, whatever stands there.
                assert_eq!(asked.label, Label::Class(was - 10));
                all += 1;
                masked += usize::from(is == 3);
                other += usize::from(is != 3 && is != was);
                assert!(is == 3 || (10..14).contains(&is));
            }
        }
        // Neither [CLS] nor [SEP] nor N.
        assert_eq!(places.len(), 90);
        let share = |n: usize| n as f64 / f64::from(all);
        assert!((share(masked) - 0.8).abs() < 0.01);
        // One in ten, of which a quarter happens to be the true one.
        assert!((share(other) - 0.075).abs() < 0.01);
    }

    #[test]
    fn of_overlapping_tokens_as_many_are_hidden_as_hold_a_base() {
        let texts: Vec<String> = "ACGT"
            .chars()
            .flat_map(|a| "ACGT".chars().map(move |b| format!("{a}{b}")))
            .collect();
        let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
        let dna: Vec<u32> = (0..40).map(|i| 10 + i % 16).collect();
        let row = row(&dna);
        let masking = Masking::of(&encoding("kmer:2:1", &texts), &[&row], 41, HIDDEN);
        for seed in 0..200 {
            let (_, asked) = masking.hide(&row.input_ids, seed);
            let hidden: Vec<u32> = asked.iter().map(|asked| asked.place).collect();
            // Bases that stand in hidden tokens alone: the first and last of all stand in one.
            let is = |place: u32| hidden.contains(&place);
            let inner = (1..40).filter(|&base| is(base) && is(base + 1)).count();
            let ends = usize::from(is(1)) + usize::from(is(40));
            assert_eq!(masking.bases(&row.input_ids, &asked), (inner + ends) as f64);
            assert!(inner + ends > 0, "something is hidden: {hidden:?}");
        }
    }

    #[test]
    fn merged_tokens_are_dna_of_as_many_bases_as_they_have() {
        let row = row(&[10, 11, 12, 11]);
        let merged = encoding("bpe:6", &["A", "AC G", "AC"]);
        let masking = Masking::of(&merged, &[&row], 9, Rule::Next);
        let (_, asked) = masking.hide(&row.input_ids, 1);
        assert_eq!(asked.len(), 4);
        assert_eq!(masking.bases(&row.input_ids, &asked), 9.0);
    }

    #[test]
    fn a_decoder_is_told_each_base_of_overlapping_tokens_once() {
        let row = row(&[10, 11, 10]);
        let overlapping = encoding("kmer:2:1", &["AC", "CA"]);
        let masking = Masking::of(&overlapping, &[&row], 4, Rule::Next);
        let (_, asked) = masking.hide(&row.input_ids, 1);
        assert_eq!(masking.bases(&row.input_ids, &asked), 4.0);
    }

    #[test]
    fn a_decoder_is_asked_for_each_next_token() {
        let row = row(&[10, 12, 9, 13]);
        let masking = Masking::of(
            &encoding("base", &["A", "C", "G", "T"]),
            &[&row],
            4,
            Rule::Next,
        );
        let (ids, asked) = masking.hide(&row.input_ids, 7);
        assert_eq!(ids, row.input_ids);
        let asked: Vec<(u32, Label)> = asked.into_iter().map(|a| (a.place, a.label)).collect();
        let class = Label::Class;
        // C is in no row, so it is no class.
        assert_eq!(asked, [(0, class(0)), (1, class(1)), (3, class(2))]);
    }

    #[test]
    fn tokens_of_text_stand_for_as_many_bases_as_they_do_on_the_mean() {
        let row = row(&[20, 21, 20, 22]);
        let mut encoding = encoding("model", &[]);
        encoding.tokens.clear();
        let masking = Masking::of(&encoding, &[&row], 12, HIDDEN);
        assert_eq!(masking.classes(), 3);
        let (_, asked) = masking.hide(&row.input_ids, 1);
        assert_eq!(asked.len(), 1);
        assert!((masking.bases(&row.input_ids, &asked) - 3.0).abs() < 1e-12);
    }
}
