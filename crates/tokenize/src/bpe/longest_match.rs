//! The longest token at a place of a run: a table over the next eight bases, and a tree for what is longer.

use crate::bpe::packed::{Packed, code};
use crate::bpe::vocabulary::Vocabulary;

/// Bases that the table looks at.
const DEPTH: usize = 8;

/// Set in a table entry when some token begins with these [`DEPTH`] bases and is longer: the other bits are the node of
/// the tree where the search goes on.
const DEEPER: u32 = 1 << 31;

/// Finds the longest token that the bases of a run begin with, from any place on.
pub struct LongestMatch {
    /// By the next [`DEPTH`] bases, the first in the lowest bits: a token, or a node with [`DEEPER`] set.
    table: Vec<u32>,
    /// The prefixes of all tokens.
    nodes: Vec<Node>,
}

#[derive(Clone, Copy, Default)]
struct Node {
    /// For each base, the node of this prefix with the base added; 0 (the root) when no token begins like that.
    children: [u32; 4],
    /// The longest token that this prefix begins with.
    token: u32,
}

impl LongestMatch {
    /// For the tokens of a vocabulary whose texts are bases, N left out.
    pub fn new(vocabulary: &Vocabulary) -> Self {
        let mut nodes = vec![Node::default()];
        let bases = |text: &str| text.bytes().map(code).collect::<Vec<_>>();
        let tokens = (0..)
            .zip(&vocabulary.texts)
            .filter(|(id, _)| *id != crate::bpe::vocabulary::N);
        let mut ends = Vec::new();
        for (id, text) in tokens {
            let mut at = 0;
            for base in bases(text) {
                let next = nodes[at].children[base];
                at = if next == 0 {
                    nodes.push(Node::default());
                    let new = nodes.len() - 1;
                    nodes[at].children[base] = new as u32;
                    new
                } else {
                    next as usize
                };
            }
            ends.push((at, id));
        }
        let mut ending = vec![None; nodes.len()];
        for (node, id) in ends {
            ending[node] = Some(id);
        }
        // Parents come before their children.
        for at in 0..nodes.len() {
            let token = ending[at].unwrap_or(nodes[at].token);
            nodes[at].token = token;
            for child in nodes[at].children {
                if child != 0 {
                    nodes[child as usize].token = token;
                }
            }
        }
        let entry = |bases: usize| {
            let mut at = 0;
            for i in 0..DEPTH {
                match nodes[at].children[bases >> (2 * i) & 3] {
                    0 => return nodes[at].token,
                    next => at = next as usize,
                }
            }
            let ends_here = nodes[at].children == [0; 4];
            if ends_here {
                nodes[at].token
            } else {
                DEEPER | at as u32
            }
        };
        let table = (0..1 << (2 * DEPTH)).map(entry).collect();
        Self { table, nodes }
    }

    /// The longest token from `start` on. Places behind the end of the run look like As, so the token found may run past
    /// the end; the caller checks.
    #[inline]
    pub fn at(&self, run: &Packed, start: usize) -> u32 {
        let entry = self.table[(run.window(start) & ((1 << (2 * DEPTH)) - 1)) as usize];
        if entry & DEEPER == 0 {
            return entry;
        }
        let mut at = (entry & !DEEPER) as usize;
        let mut end = start + DEPTH;
        while end < run.len() {
            // One window serves the next 32 bases.
            let mut window = run.window(end);
            for _ in 0..32 {
                match self.nodes[at].children[(window & 3) as usize] {
                    0 => return self.nodes[at].token,
                    next => at = next as usize,
                }
                window >>= 2;
            }
            end += 32;
        }
        self.nodes[at].token
    }
}
