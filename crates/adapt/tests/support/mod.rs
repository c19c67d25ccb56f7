//! The toy data that the tests of cells share.
#![allow(dead_code, clippy::unwrap_used)]

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use lingo_artifact::progress::{Progress, StopFlag};
use lingo_artifact::random::Stream;
use lingo_artifact::tokens::{TokenRow, Tokens, TokensMetadata};
use lingo_artifact::vocabulary::{Encoding, NewRows};
use lingo_artifact::{Label, LabelKind, Split};

/// A tiny model of lm's fixtures.
pub fn model(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../lm/tests/fixtures")
        .join(name)
}

pub fn classes() -> LabelKind {
    LabelKind::Classes(vec!["no".into(), "yes".into()])
}

/// `n` sequences of 6 to 10 of the ids 5 to 8; those with more 5 than 6 are of class 1. With new
/// rows the ids are 30 to 33, the first behind the model's own.
pub fn tokens(
    n: usize,
    split: impl Fn(usize) -> Split,
    kind: &LabelKind,
    new_rows: Option<NewRows>,
) -> Tokens {
    let shift = if new_rows.is_some() { 25 } else { 0 };
    let mut stream = Stream::new(1, "toy");
    let rows = (0..n)
        .map(|i| {
            let length = 6 + stream.below(5);
            let ids: Vec<u32> = (0..length)
                .map(|_| 5 + shift + stream.below(4) as u32)
                .collect();
            let count = |id: u32| ids.iter().filter(|&&x| x == id + shift).count();
            let more = count(5) > count(6);
            TokenRow {
                id: format!("row {i}"),
                split: split(i),
                label: match kind {
                    LabelKind::Classes(_) => Label::Class(u32::from(more)),
                    LabelKind::Multilabel(_) => Label::Multi(vec![u8::from(more), u8::from(!more)]),
                    LabelKind::Regression => Label::Value(if more { 1.0 } else { -1.0 }),
                },
                input_ids: [vec![2], ids].concat(),
            }
        })
        .collect();
    let vocabulary = if new_rows.is_some() {
        "extend"
    } else {
        "reuse"
    };
    Tokens {
        rows,
        metadata: TokensMetadata {
            labels: kind.clone(),
            encoding: Encoding {
                scheme: "base".into(),
                vocabulary: vocabulary.into(),
                tokens: vec![("A".into(), 5), ("C".into(), 6)],
                new_rows,
                template: None,
                before: vec![2],
                after: vec![],
                between: vec![],
                max_length: 12,
                pad: 0,
                model_vocab_size: 30,
                tokenizer: None,
            },
            truncated: [0; 3],
            unknown: [0; 3],
        },
    }
}

/// Raises the flag once, at a step.
pub struct StopAt<'a>(u64, &'a StopFlag, AtomicU64);

impl<'a> StopAt<'a> {
    pub fn new(step: u64, stop: &'a StopFlag) -> Self {
        Self(step, stop, AtomicU64::new(0))
    }
}

impl Progress for StopAt<'_> {
    fn begin(&self, _: &str, _: u64) {}
    fn advance(&self, done: u64, _: &str) {
        if done >= self.0 && self.2.swap(1, Ordering::SeqCst) == 0 {
            self.1.raise();
        }
    }
    fn end(&self, _: &str) {}
    fn say(&self, _: &str) {}
}
