//! Learning merges: the pair that stands side by side most often becomes a token, again and again.
//!
//! The merges are those of the trainer of Hugging Face's `tokenizers`: of pairs that are equally frequent, the one
//! with the smaller ids comes first; overlapping pairs all count; a pair is joined from the left.
//!
//! A pair is never more frequent than when its younger token was made. So pairs below a threshold are not even
//! looked at until the best of the others falls below it too; then all pairs are counted anew under a lower one.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap};

use lingo_artifact::progress::Progress;
use rayon::prelude::*;

use crate::bpe::corpus::{Beside, Cell, Corpus, Pair, Part};
use crate::bpe::vocabulary::ALPHABET;

/// A merge at fewer places than this is done by one thread: waking the others would take longer.
const WORTH_THREADS: usize = 1 << 11;

/// How many merges are learned between two reports of progress.
const NEWS: usize = 64;

/// Learns up to `most` merges, as pairs of ids: the letters' are 0 to 4, each merge makes the next.
pub fn learn<C: Cell>(corpus: Corpus<C>, most: usize, progress: &dyn Progress) -> Vec<Pair> {
    // Inside the pool from the start; called from outside, every merge would have to wake the pool and wait for it.
    rayon::scope(|_| learn_in_pool(corpus, most, progress))
}

fn learn_in_pool<C: Cell>(corpus: Corpus<C>, most: usize, progress: &dyn Progress) -> Vec<Pair> {
    let most = most.min(C::MOST as usize - ALPHABET.len());
    let mut trainer = Trainer::new(corpus.into_parts(rayon::current_num_threads()), most);
    let mut merges = Vec::new();
    progress.begin("byte-pair encoding", most as u64);
    while merges.len() < most {
        let Some(pair) = trainer.most_frequent() else {
            break;
        };
        trainer.merge(pair);
        merges.push(pair);
        if merges.len().is_multiple_of(NEWS) {
            progress.advance(merges.len() as u64, "");
        }
    }
    progress.end(&format!("{} merges", merges.len()));
    merges
}

struct Trainer<C> {
    parts: Vec<Part<C>>,
    /// How many cells a token of each id covers.
    widths: Vec<u32>,
    /// How often each pair stands side by side, of those that reached the threshold.
    counts: HashMap<Pair, u64>,
    /// For each token, what stands before it and behind it in those pairs.
    before: Vec<Vec<u32>>,
    behind: Vec<Vec<u32>>,
    /// Those pairs, the most frequent first, by a count that may have fallen since it was noted.
    queue: BinaryHeap<(u64, Reverse<Pair>)>,
    threshold: u64,
    /// What was found before and behind the new token; the storage is used again from merge to merge.
    beside: [Sums; 2],
}

impl<C: Cell> Trainer<C> {
    fn new(parts: Vec<Part<C>>, most: usize) -> Self {
        let cells: usize = parts.iter().map(Part::len).sum();
        let letters = ALPHABET.len();
        let mut trainer = Self {
            parts,
            widths: vec![1; letters],
            counts: HashMap::new(),
            before: vec![Vec::new(); letters],
            behind: vec![Vec::new(); letters],
            queue: BinaryHeap::new(),
            // On the yeast genome the last of 4,096 merges joins about twice as many places.
            threshold: (cells / (64 * most.max(1))).max(1) as u64,
            beside: Default::default(),
        };
        trainer.count_anew();
        trainer
    }

    /// Counts all pairs and notes the places of those that reach the threshold.
    fn count_anew(&mut self) {
        let (widths, tokens) = (&self.widths, self.widths.len());
        let each = self.parts.par_iter_mut().map(|part| {
            if tokens > ALPHABET.len() {
                part.close_up(widths);
            }
            part.pairs(tokens)
        });
        let mut counts: HashMap<Pair, u64> = HashMap::new();
        let each: Vec<HashMap<Pair, u64>> = each.collect();
        for (pair, count) in each.iter().flatten() {
            *counts.entry(*pair).or_default() += count;
        }
        counts.retain(|_, count| *count >= self.threshold);
        let parts = self.parts.par_iter_mut().zip(each);
        parts.for_each(|(part, own)| part.index(tokens, &counts, &own));
        self.widths.fill(1);
        for beside in self.before.iter_mut().chain(&mut self.behind) {
            beside.clear();
        }
        self.queue = counts.iter().map(|(p, n)| (*n, Reverse(*p))).collect();
        for (left, right) in counts.keys() {
            self.behind[*left as usize].push(*right);
            self.before[*right as usize].push(*left);
        }
        self.counts = counts;
    }

    /// The pair to merge next; nothing when no two tokens stand side by side.
    fn most_frequent(&mut self) -> Option<Pair> {
        loop {
            match self.queue.pop() {
                Some((told, Reverse(pair))) => {
                    let count = self.counts.get(&pair).copied().unwrap_or(0);
                    if count == told {
                        return Some(pair);
                    }
                    if count >= self.threshold {
                        self.queue.push((count, Reverse(pair)));
                    }
                }
                None if self.threshold > 1 => {
                    self.threshold = (self.threshold / 8).max(1);
                    self.count_anew();
                }
                None => return None,
            }
        }
    }

    fn merge(&mut self, pair: Pair) {
        let made = self.widths.len() as u32;
        self.widths
            .push(self.widths[pair.0 as usize] + self.widths[pair.1 as usize]);
        self.before.push(Vec::new());
        self.behind.push(Vec::new());
        let widths = &self.widths;
        let places: usize = self.parts.iter().map(|part| part.places(pair)).sum();
        on_all(&mut self.parts, places, |part| part.merge(pair, widths));

        let [mut before, mut behind] = std::mem::take(&mut self.beside);
        before.fill(&self.parts, made, |part| part.beside().0);
        behind.fill(&self.parts, made, |part| part.beside().1);
        // A token c before the new one: (c, left) is one less, (c, made) one more; in the same way behind it.
        for c in &before.seen {
            self.track((*c, made), before.of(*c));
        }
        // The new token beside itself was counted from the right one of the two.
        for c in behind.seen.iter().filter(|c| **c != made) {
            self.track((made, *c), behind.of(*c));
        }
        for c in &self.before[pair.0 as usize] {
            if let Some(count) = self.counts.get_mut(&(*c, pair.0)) {
                *count = count.saturating_sub(before.of(*c));
            }
        }
        for c in &self.behind[pair.1 as usize] {
            if let Some(count) = self.counts.get_mut(&(pair.1, *c)) {
                *count = count.saturating_sub(behind.of(*c));
            }
        }
        self.counts.remove(&pair);
        self.beside = [before, behind];
        let counts = &self.counts;
        on_all(&mut self.parts, places, |part| {
            part.note(made, |pair| counts.contains_key(&pair));
        });
    }

    /// A new pair, if it is frequent enough ever to be merged under this threshold.
    fn track(&mut self, pair: Pair, count: u64) {
        if count >= self.threshold {
            self.counts.insert(pair, count);
            self.behind[pair.0 as usize].push(pair.1);
            self.before[pair.1 as usize].push(pair.0);
            self.queue.push((count, Reverse(pair)));
        }
    }
}

/// How often each token was found on one side of the new one, in all parts.
#[derive(Default)]
struct Sums {
    counts: Vec<u64>,
    /// Those that were found at all: a few of thousands.
    seen: Vec<u32>,
}

impl Sums {
    /// Counts anew, tokens up to `made`.
    fn fill<C: Cell>(&mut self, parts: &[Part<C>], made: u32, side: impl Fn(&Part<C>) -> &Beside) {
        for id in self.seen.drain(..) {
            self.counts[id as usize] = 0;
        }
        self.counts.resize(made as usize + 1, 0);
        for (id, count) in parts.iter().flat_map(|part| side(part).counts()) {
            let sum = &mut self.counts[id as usize];
            if *sum == 0 {
                self.seen.push(id);
            }
            *sum += u64::from(count);
        }
    }

    fn of(&self, id: u32) -> u64 {
        self.counts[id as usize]
    }
}

/// Works on all parts, on several threads where there is enough to do.
fn on_all<C: Cell>(
    parts: &mut [Part<C>],
    places: usize,
    work: impl Fn(&mut Part<C>) + Sync + Send,
) {
    if places < WORTH_THREADS {
        parts.iter_mut().for_each(work);
    } else {
        parts.par_iter_mut().for_each(work);
    }
}

#[cfg(test)]
mod tests {
    use lingo_artifact::progress::Silent;
    use proptest::prelude::*;
    use tokenizers::Trainer as _;
    use tokenizers::models::bpe::{BPE, BpeTrainer};

    use super::*;
    use crate::nucleotide::{normalized, runs};

    /// What the trainer of `tokenizers` learns.
    fn expected(sequences: &[String], most: usize) -> Vec<(String, String)> {
        let letters = ALPHABET.iter().filter_map(|a| a.chars().next());
        let mut trainer = BpeTrainer::builder()
            .vocab_size(ALPHABET.len() + most)
            .initial_alphabet(letters.collect())
            .show_progress(false)
            .build();
        let words = |sequence: &str| {
            let bases = normalized(sequence.as_bytes());
            let words = runs(&bases).map(|run| run.iter().copied().map(char::from).collect());
            Ok(words.collect())
        };
        trainer.feed(sequences.iter(), words).unwrap();
        let mut model = BPE::default();
        trainer.train(&mut model).unwrap();
        let value = serde_json::to_value(&model).unwrap();
        serde_json::from_value(value["merges"].clone()).unwrap()
    }

    fn learned<C: Cell>(sequences: &[String], most: usize, threads: usize) -> Vec<Pair> {
        let mut corpus = Corpus::<C>::new();
        for sequence in sequences {
            corpus.push(sequence.as_bytes());
        }
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads);
        let pool = pool.build().unwrap();
        pool.install(|| learn(corpus, most, &Silent))
    }

    fn texts(merges: &[Pair]) -> Vec<(String, String)> {
        let mut texts: Vec<String> = ALPHABET.map(String::from).into();
        let texts_of = |(left, right): &Pair| {
            let pair = [left, right].map(|id| texts[*id as usize].clone());
            texts.push(pair.concat());
            pair.into()
        };
        merges.iter().map(texts_of).collect()
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(200))]

        #[test]
        fn merges_equal_those_of_tokenizers(
            parts in prop::collection::vec(("[ACGT]{1,6}", 1..30usize, "[ACGTN]{0,60}"), 0..12),
            most in 1..120usize,
        ) {
            let sequences: Vec<String> =
                parts.iter().map(|(repeat, n, plain)| repeat.repeat(*n) + plain).collect();
            let merges = learned::<u16>(&sequences, most, 1);
            prop_assert_eq!(texts(&merges), expected(&sequences, most));
            prop_assert_eq!(&learned::<u32>(&sequences, most, 1), &merges);
            for threads in [2, 3] {
                prop_assert_eq!(&learned::<u16>(&sequences, most, threads), &merges);
            }
        }
    }

    #[test]
    fn pairs_are_counted_anew_under_lower_thresholds() {
        // Long enough that the first threshold is above 1, with too few merges above it.
        let repeats = ["ACGT", "AACCGGTTA", "TATATG", "GGGGGGC"];
        let sequences: Vec<String> = (0..400)
            .map(|i| repeats[i % 4].repeat(1 + i % 17) + repeats[i * 7 % 3])
            .collect();
        let cells: usize = sequences.iter().map(String::len).sum();
        assert!(cells / (64 * 200) > 1, "{cells}");
        let merges = learned::<u16>(&sequences, 200, 2);
        assert_eq!(texts(&merges), expected(&sequences, 200));
    }
}
