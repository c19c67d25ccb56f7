//! Rows of several tasks as those of one, whose classes are all of theirs.

use std::borrow::Cow;

use lingo_artifact::progress::StopFlag;
use lingo_artifact::readings::{ReadingError, Readings};
use lingo_artifact::tokens::{TokenRow, Tokens, TokensMetadata};
use lingo_artifact::vocabulary::Encoding;
use lingo_artifact::{Label, LabelKind, Split};

use crate::adapt_first::task::{FirstTask, OtherTask};
use crate::error::Error;
use crate::shared_bases::HeldOut;

/// Training and dev rows of several tasks.
pub(super) struct Joined<'a> {
    pub tokens: Tokens,
    /// How many classes each task has.
    pub heads: Vec<usize>,
    /// What was left out of each task.
    pub left_out: Vec<LeftOut>,
    tasks: &'a [FirstTask<'a>],
    /// For each row its task and its place there.
    places: Vec<(usize, usize)>,
}

/// Rows that were left out.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct LeftOut {
    pub left: usize,
    pub of: usize,
}

impl<'a> Joined<'a> {
    /// Joins them. A row of training that shares 32 bases with a row of dev or test of another task (of these, or of
    /// `others`), on either strand, is left out, and so is one of dev that shares them with one of test: no test row of any
    /// task may enter, and what is chosen on dev is to be chosen on rows that were not seen. Shorter rows share all or nothing.
    ///
    /// # Errors
    /// No task; labels that are no classes; tokens that differ; sequences that cannot be read; [`Error::Stopped`].
    pub fn of(
        tasks: &'a [FirstTask<'a>],
        others: &[OtherTask],
        stop: &StopFlag,
    ) -> Result<Self, Error> {
        let [first, rest @ ..] = tasks else {
            return Err(Error::Config("there is no task".into()));
        };
        let encoding = &first.tokens.metadata.encoding;
        for task in rest {
            if let Some(what) = difference(encoding, &task.tokens.metadata.encoding) {
                return Err(Error::Config(format!(
                    "the tasks {} and {} {what}, and one adapter is to read both: give them the same `tokenize`",
                    first.name, task.name
                )));
            }
        }
        let (mut names, mut heads) = (Vec::new(), Vec::new());
        for task in tasks {
            let LabelKind::Classes(classes) = &task.tokens.metadata.labels else {
                return Err(Error::Config(format!(
                    "the task {} has {} as its label, and the tasks that are learnt together must have classes: name \
                     those that do (`adapt_first.tasks`)",
                    task.name, task.tokens.metadata.labels
                )));
            };
            names.extend(classes.iter().map(|class| format!("{}/{class}", task.name)));
            heads.push(classes.len());
        }
        let mut joined = Self {
            tokens: Tokens {
                rows: Vec::new(),
                metadata: TokensMetadata {
                    labels: LabelKind::Classes(names),
                    encoding: Encoding {
                        max_length: (tasks.iter())
                            .map(|task| task.tokens.metadata.encoding.max_length)
                            .max()
                            .unwrap_or(encoding.max_length),
                        ..encoding.clone()
                    },
                    truncated: [0; 3],
                    unknown: [0; 3],
                },
            },
            heads,
            left_out: Vec::new(),
            tasks,
            places: Vec::new(),
        };
        let kept = kept(tasks, others, stop)?;
        let mut before = 0;
        for (number, (task, kept)) in tasks.iter().zip(kept).enumerate() {
            let mut left_out = LeftOut::default();
            for (place, row) in task.tokens.rows.iter().enumerate() {
                if row.split == Split::Test {
                    continue;
                }
                left_out.of += 1;
                let Label::Class(class) = &row.label else {
                    continue;
                };
                if !kept[place] {
                    left_out.left += 1;
                    continue;
                }
                joined.places.push((number, place));
                joined.tokens.rows.push(TokenRow {
                    id: format!("{}:{}", task.name, row.id),
                    label: Label::Class(before + class),
                    ..row.clone()
                });
            }
            before += joined.heads[number] as u32;
            joined.left_out.push(left_out);
        }
        Ok(joined)
    }

    /// Whether their sequences become tokens in one way, so that one encoder does for all.
    pub fn have_one_prefix(&self) -> bool {
        let of = |task: &FirstTask| {
            let Encoding {
                before,
                after,
                max_length,
                ..
            } = &task.tokens.metadata.encoding;
            (before.clone(), after.clone(), *max_length)
        };
        self.tasks.windows(2).all(|two| of(&two[0]) == of(&two[1]))
    }
}

/// For each task, which of its rows are learnt from.
fn kept(
    tasks: &[FirstTask],
    others: &[OtherTask],
    stop: &StopFlag,
) -> Result<Vec<Vec<bool>>, Error> {
    let read = |name: &str, readings: &dyn Readings, place: usize| -> Result<Vec<Vec<u8>>, Error> {
        let bases = readings.bases(place);
        let bases = bases.map_err(|e| Error::Data(format!("{name}: {e}")))?;
        Ok(bases.into_iter().map(Cow::into_owned).collect())
    };
    let go_on = || match stop.is_raised() {
        true => Err(Error::Stopped),
        false => Ok(()),
    };
    let (mut dev, mut test) = (HeldOut::new(), HeldOut::new());
    let own = tasks.iter().map(|task| {
        let splits: Vec<Split> = task.tokens.rows.iter().map(|row| row.split).collect();
        (task.name, task.readings, splits)
    });
    let others = (others.iter()).map(|task| (task.name, task.readings, task.splits.to_vec()));
    for (number, (name, readings, splits)) in (0..).zip(own.chain(others)) {
        go_on()?;
        for (place, split) in splits.into_iter().enumerate() {
            let held = match split {
                Split::Train => continue,
                Split::Dev => &mut dev,
                Split::Test => &mut test,
            };
            for bases in read(name, readings, place)? {
                held.add(&bases, number);
            }
        }
    }
    let mut all = Vec::new();
    for (number, task) in (0..).zip(tasks) {
        go_on()?;
        let mut of_task = Vec::new();
        for (place, row) in task.tokens.rows.iter().enumerate() {
            let bases = read(task.name, task.readings, place)?;
            let is_in = |held: &HeldOut| bases.iter().any(|bases| held.by_another(bases, number));
            of_task.push(match row.split {
                Split::Train => !is_in(&test) && !is_in(&dev),
                Split::Dev => !is_in(&test),
                Split::Test => false,
            });
        }
        all.push(of_task);
    }
    Ok(all)
}

/// In what two tasks' tokens differ so that one model cannot read both; prefixes may.
pub(super) fn difference(a: &Encoding, b: &Encoding) -> Option<&'static str> {
    if (&a.scheme, &a.tokens) != (&b.scheme, &b.tokens) {
        return Some("have different tokens");
    }
    if (&a.vocabulary, &a.new_rows) != (&b.vocabulary, &b.new_rows) {
        return Some("have different rows for their tokens");
    }
    ((a.pad, &a.between) != (b.pad, &b.between)).then_some("have different special tokens")
}

impl Readings for Joined<'_> {
    fn bases(&self, row: usize) -> Result<Vec<Cow<'_, [u8]>>, ReadingError> {
        let (task, place) = self.place(row)?;
        self.tasks[task].readings.bases(place)
    }

    fn flanks(&self, row: usize, most: usize) -> Result<Option<[Vec<u8>; 2]>, ReadingError> {
        let (task, place) = self.place(row)?;
        self.tasks[task].readings.flanks(place, most)
    }

    fn encode(&self, sequences: &[Vec<u8>]) -> Result<Vec<u32>, ReadingError> {
        self.tasks[0].readings.encode(sequences)
    }
}

impl Joined<'_> {
    fn place(&self, row: usize) -> Result<(usize, usize), ReadingError> {
        let place = self.places.get(row).copied();
        place.ok_or_else(|| format!("there is no row {row}").into())
    }
}

#[cfg(test)]
mod tests {
    use lingo_artifact::bases::reverse_complement;

    use super::*;

    struct Sequences(Vec<Vec<u8>>);

    impl Readings for Sequences {
        fn bases(&self, row: usize) -> Result<Vec<Cow<'_, [u8]>>, ReadingError> {
            Ok(vec![Cow::Borrowed(&self.0[row])])
        }

        fn encode(&self, _: &[Vec<u8>]) -> Result<Vec<u32>, ReadingError> {
            Ok(vec![7])
        }
    }

    fn encoding(before: u32) -> Encoding {
        Encoding {
            scheme: "base".into(),
            vocabulary: "own".into(),
            tokens: Vec::new(),
            new_rows: None,
            template: None,
            before: vec![before],
            after: Vec::new(),
            between: Vec::new(),
            max_length: 10 + before,
            pad: 0,
            model_vocab_size: 9,
            tokenizer: None,
        }
    }

    fn tokens(labels: LabelKind, before: u32, rows: &[(Split, u32)]) -> Tokens {
        let rows = rows.iter().enumerate().map(|(i, (split, class))| TokenRow {
            id: format!("r{i}"),
            split: *split,
            label: Label::Class(*class),
            input_ids: vec![1],
        });
        Tokens {
            rows: rows.collect(),
            metadata: TokensMetadata {
                labels,
                encoding: encoding(before),
                truncated: [0; 3],
                unknown: [0; 3],
            },
        }
    }

    fn classes(names: &[&str]) -> LabelKind {
        LabelKind::Classes(names.iter().map(ToString::to_string).collect())
    }

    /// 40 bases that share no 32 with those of another number.
    fn sequence(number: usize) -> Vec<u8> {
        let mut stream = lingo_artifact::random::Stream::new(number as u64, "sequences of a test");
        (0..40).map(|_| b"ACGT"[stream.below(4)]).collect()
    }

    #[test]
    fn rows_near_what_another_task_holds_out_are_left_out() {
        use Split::{Dev, Test, Train};
        let one = tokens(
            classes(&["no", "yes"]),
            1,
            &[(Train, 0), (Train, 1), (Dev, 0), (Test, 1), (Train, 1)],
        );
        let other = tokens(
            classes(&["a", "b", "c"]),
            2,
            &[(Train, 2), (Train, 0), (Dev, 1), (Test, 0), (Dev, 2)],
        );
        let turned = reverse_complement(&sequence(3));
        // Moved by 8 bases: 32 are left.
        let moved = [&b"ACGTACGT"[..], &sequence(2)[..32]].concat();
        let of_one = Sequences((0..5).map(sequence).collect());
        let of_other = Sequences(vec![
            turned,       // test of the first task, other strand
            moved,        // dev of it
            sequence(12), // dev
            sequence(4),  // its own test is training of the first
            sequence(3),  // dev, and test of the first
        ]);
        let tasks = [
            FirstTask {
                name: "one",
                tokens: &one,
                readings: &of_one,
            },
            FirstTask {
                name: "other",
                tokens: &other,
                readings: &of_other,
            },
        ];
        let joined = Joined::of(&tasks, &[], &StopFlag::default()).unwrap();
        assert_eq!(joined.heads, [2, 3]);
        let names = ["one/no", "one/yes", "other/a", "other/b", "other/c"];
        assert_eq!(joined.tokens.metadata.labels, classes(&names));
        assert_eq!(joined.tokens.metadata.encoding.max_length, 12);
        let rows: Vec<(&str, &Label)> = joined
            .tokens
            .rows
            .iter()
            .map(|row| (row.id.as_str(), &row.label))
            .collect();
        let class = Label::Class;
        assert_eq!(
            rows,
            [
                ("one:r0", &class(0)),
                ("one:r1", &class(1)),
                ("one:r2", &class(0)),
                ("other:r2", &class(3)),
            ]
        );
        let left = joined.left_out.iter().map(|l| (l.left, l.of));
        assert_eq!(left.collect::<Vec<_>>(), [(1, 4), (3, 4)]);
        assert_eq!(joined.bases(3).unwrap(), [sequence(12)]);
        assert!(joined.bases(4).is_err());
        assert!(!joined.have_one_prefix());
        // What is held out by a task that is not learnt from.
        let third = OtherTask {
            name: "third",
            splits: &[Train, Test],
            readings: &Sequences(vec![sequence(1), sequence(0)]),
        };
        let joined = Joined::of(&tasks, &[third], &StopFlag::default()).unwrap();
        assert_eq!(joined.tokens.rows[0].id, "one:r1");
        assert_eq!(joined.tokens.rows.len(), 3);
        let stop = StopFlag::default();
        stop.raise();
        assert!(matches!(
            Joined::of(&tasks, &[], &stop),
            Err(Error::Stopped)
        ));
    }

    #[test]
    fn what_one_adapter_cannot_read_is_told() {
        let one = tokens(classes(&["no", "yes"]), 1, &[(Split::Train, 0)]);
        let number = tokens(LabelKind::Regression, 1, &[(Split::Train, 0)]);
        let mut longer = one.clone();
        longer.metadata.encoding.scheme = "kmer:3:3".into();
        let readings = Sequences(vec![sequence(1)]);
        let task = |name, tokens| FirstTask {
            name,
            tokens,
            readings: &readings,
        };
        let told = |tasks: &[FirstTask]| {
            let joined = Joined::of(tasks, &[], &StopFlag::default());
            joined.err().unwrap().to_string()
        };
        assert!(told(&[]).contains("no task"));
        assert!(told(&[task("a", &one), task("b", &number)]).contains("task b has a number"));
        assert!(told(&[task("a", &one), task("b", &longer)]).contains("different tokens"));
    }
}
