//! A Markov chain of bases.

use lingo_artifact::random::Stream;

/// The four bases, in the order of the columns of every distribution here.
pub(super) const BASES: [u8; 4] = *b"ACGT";

/// A Markov chain: for each context of `order` bases, a distribution over the next.
pub(super) struct Background {
    transitions: Vec<[f64; 4]>,
}

impl Background {
    /// Transitions drawn as softmax of N(0, `contrast`) logits.
    pub fn random(order: usize, contrast: f64, seed: u64) -> Self {
        let mut stream = Stream::new(seed, "background");
        let transitions = (0..4usize.pow(order as u32))
            .map(|_| {
                let weights = [(); 4].map(|()| (contrast * stream.normal()).exp());
                let sum: f64 = weights.iter().sum();
                weights.map(|w| w / sum)
            })
            .collect();
        Self { transitions }
    }

    /// `length` bases, beginning from the context of all A.
    pub fn draw(&self, length: usize, stream: &mut Stream) -> Vec<u8> {
        let mut context = 0;
        (0..length)
            .map(|_| {
                let base = draw(&self.transitions[context], stream);
                context = (context * 4 + base) % self.transitions.len();
                BASES[base]
            })
            .collect()
    }
}

/// A column of a distribution.
pub(super) fn draw(distribution: &[f64; 4], stream: &mut Stream) -> usize {
    let u = stream.uniform();
    let mut sum = 0.0;
    let cumulative = distribution.map(|p| {
        sum += p;
        sum
    });
    cumulative[..3].iter().filter(|&&c| c <= u).count()
}
