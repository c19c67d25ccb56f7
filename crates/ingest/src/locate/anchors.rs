//! A table of one k-mer of every sequence that is looked for, on both strands, and the rolling pass that finds them in a genome.

use lingo_artifact::Strand;

use crate::iupac::reverse_complement;

/// A k-mer of one sequence, as it stands on the forward strand of the genome where the sequence lies on `strand`.
#[derive(Clone, Copy, Debug)]
struct Anchor {
    code: u64,
    query: u32,
    /// Where it stands in what the genome shows.
    offset: u32,
    strand: Strand,
}

/// The anchors of sequences, found by their 2-bit code.
#[derive(Debug)]
pub(crate) struct Anchors {
    k: usize,
    /// By bucket.
    anchors: Vec<Anchor>,
    /// Where each bucket begins; one more at the end.
    starts: Vec<u32>,
    /// One bit for each hash that occurs: most of a genome stops here.
    filter: Vec<u64>,
    bucket_bits: u32,
    filter_bits: u32,
}

/// Where a sequence may lie.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Candidate {
    pub(crate) query: u32,
    /// Where its anchor begins, from the first base that was passed over.
    pub(crate) at: usize,
    /// Bases between the begin of the sequence and that of the anchor.
    pub(crate) offset: u32,
    pub(crate) strand: Strand,
}

impl Anchors {
    /// Anchors of `k` bases (at most 32), one and its reverse complement for each of the numbered sequences. Sequences without `k` bases of
    /// A, C, G, T in a row must not be among them; they would not be found.
    pub(crate) fn new<'a>(k: usize, queries: impl Iterator<Item = (u32, &'a [u8])>) -> Self {
        let mut anchors = Vec::new();
        for (query, bases) in queries {
            let Some(offset) = telling(bases, k) else {
                continue;
            };
            let kmer = &bases[offset..offset + k];
            let mut add = |kmer: &[u8], offset: usize, strand| {
                if let Some(code) = code(kmer) {
                    anchors.push(Anchor {
                        code,
                        query,
                        offset: offset as u32,
                        strand,
                    });
                }
            };
            add(kmer, offset, Strand::Forward);
            // What is its own reverse complement lies on both strands wherever it lies: told once.
            if reverse_complement(bases) != bases {
                let behind = bases.len() - offset - k;
                add(&reverse_complement(kmer), behind, Strand::Reverse);
            }
        }
        let bucket_bits = (anchors.len().max(2) * 2).ilog2() + 1;
        let filter_bits = bucket_bits + 3;
        let bucket = |code: u64| (hash(code) >> (64 - bucket_bits)) as usize;
        anchors.sort_by_key(|a| (bucket(a.code), a.code, a.query));
        let mut starts = vec![0u32; (1 << bucket_bits) + 1];
        let mut filter = vec![0u64; (1usize << filter_bits).div_ceil(64)];
        for anchor in &anchors {
            starts[bucket(anchor.code) + 1] += 1;
            let bit = (hash(anchor.code) >> (64 - filter_bits)) as usize;
            filter[bit / 64] |= 1 << (bit % 64);
        }
        for i in 1..starts.len() {
            starts[i] += starts[i - 1];
        }
        Self {
            k,
            anchors,
            starts,
            filter,
            bucket_bits,
            filter_bits,
        }
    }

    /// Passes over bases (upper case) and hands on every place of an anchor that begins within `from..to`.
    pub(crate) fn find(
        &self,
        bases: &[u8],
        from: usize,
        to: usize,
        mut each: impl FnMut(Candidate),
    ) {
        if self.anchors.is_empty() {
            return;
        }
        let mask = u64::MAX >> (64 - 2 * self.k);
        let last = bases.len().min(to.saturating_add(self.k - 1));
        let (mut code, mut run) = (0u64, 0usize);
        for (i, base) in bases.iter().enumerate().take(last).skip(from) {
            let two_bits = TWO_BITS[*base as usize];
            if two_bits > 3 {
                run = 0;
                continue;
            }
            code = (code << 2 | u64::from(two_bits)) & mask;
            run += 1;
            if run < self.k {
                continue;
            }
            let hash = hash(code);
            let bit = (hash >> (64 - self.filter_bits)) as usize;
            if self.filter[bit / 64] >> (bit % 64) & 1 == 0 {
                continue;
            }
            let bucket = (hash >> (64 - self.bucket_bits)) as usize;
            let (first, behind) = (self.starts[bucket], self.starts[bucket + 1]);
            for anchor in &self.anchors[first as usize..behind as usize] {
                if anchor.code == code {
                    each(Candidate {
                        query: anchor.query,
                        at: i + 1 - self.k,
                        offset: anchor.offset,
                        strand: anchor.strand,
                    });
                }
            }
        }
    }
}

/// The longest run of A, C, G and T.
pub(crate) fn longest_run(bases: &[u8]) -> usize {
    bases
        .split(|b| TWO_BITS[*b as usize] > 3)
        .map(<[u8]>::len)
        .max()
        .unwrap_or(0)
}

/// Where the first k-mer stands that is no short repeat; else the least repetitive one. A repeat would be met all over a genome.
fn telling(bases: &[u8], k: usize) -> Option<usize> {
    let enough = k / 3;
    let mut best: Option<(usize, usize)> = None;
    for (i, kmer) in bases.windows(k).enumerate() {
        if code(kmer).is_none() {
            continue;
        }
        let variety = distinct_trimers(kmer);
        if variety >= enough {
            return Some(i);
        }
        if best.is_none_or(|(most, _)| variety > most) {
            best = Some((variety, i));
        }
    }
    best.map(|(_, i)| i)
}

fn distinct_trimers(bases: &[u8]) -> usize {
    let mut seen = 0u64;
    for trimer in bases.windows(3) {
        if let Some(code) = code(trimer) {
            seen |= 1 << code;
        }
    }
    seen.count_ones() as usize
}

/// A, C, G, T as 0, 1, 2, 3; anything else as 4.
const TWO_BITS: [u8; 256] = {
    let mut table = [4u8; 256];
    table[b'A' as usize] = 0;
    table[b'C' as usize] = 1;
    table[b'G' as usize] = 2;
    table[b'T' as usize] = 3;
    table
};

fn code(kmer: &[u8]) -> Option<u64> {
    kmer.iter()
        .try_fold(0u64, |code, base| match TWO_BITS[*base as usize] {
            4.. => None,
            two_bits => Some(code << 2 | u64::from(two_bits)),
        })
}

/// Multiplication by an odd constant (Fibonacci hashing); the upper bits are used.
fn hash(code: u64) -> u64 {
    (code ^ code >> 32).wrapping_mul(0x9e37_79b9_7f4a_7c15)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_anchor_is_no_short_repeat_where_there_is_another() {
        assert_eq!(telling(b"AAAAAAAAAAAACGTCAGTCAGGCTA", 12), Some(3));
        assert_eq!(telling(b"AAAAAAAAAAAA", 12), Some(0));
        assert_eq!(telling(b"AAAAAAAAAAAAAC", 12), Some(2));
        assert_eq!(telling(b"ACGTNACGTNACGTN", 5), None);
        assert_eq!(longest_run(b"NACGTNACGTANNRAC"), 5);
        assert_eq!(longest_run(b""), 0);
    }
}
