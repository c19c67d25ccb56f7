//! A shuffle that keeps every dinucleotide (Altschul and Erickson 1985): a random Eulerian path
//! through the graph whose edges are the dinucleotides.

use crate::random::Stream;

/// A random sequence with the dinucleotides, and so the first and last base, of `sequence`: each of them is equally likely.
///
/// The edges that leave each base are put into a random order. A path that follows them uses all of them exactly when the last
/// edges lead, from every base, to the last base of the sequence (they are a spanning tree); other orders are drawn again, which
/// leaves every Eulerian path equally likely. A sequence in which a base nearly always follows itself takes about as many draws as
/// it has such pairs.
pub fn dinucleotide_shuffle(sequence: &[u8], stream: &mut Stream) -> Vec<u8> {
    let (Some(&first), Some(&end)) = (sequence.first(), sequence.last()) else {
        return Vec::new();
    };
    let mut edges: [Vec<u8>; 256] = std::array::from_fn(|_| Vec::new());
    loop {
        edges.iter_mut().for_each(Vec::clear);
        for pair in sequence.windows(2) {
            edges[usize::from(pair[0])].push(pair[1]);
        }
        edges.iter_mut().for_each(|next| stream.shuffle(next));
        if last_edges_lead_to(end, &edges) {
            break;
        }
    }
    let mut path = Vec::with_capacity(sequence.len());
    path.push(first);
    let mut last = first;
    while let Some(next) = edges[usize::from(last)].pop() {
        path.push(next);
        last = next;
    }
    path
}

/// Edges are taken from the back: the last one of a base stands in front.
fn last_edges_lead_to(end: u8, edges: &[Vec<u8>; 256]) -> bool {
    (0..=255u8)
        .filter(|base| !edges[usize::from(*base)].is_empty())
        .all(|base| {
            let mut at = base;
            for _ in 0..256 {
                if at == end {
                    return true;
                }
                match edges[usize::from(at)].first() {
                    Some(next) => at = *next,
                    None => return false,
                }
            }
            false
        })
}
