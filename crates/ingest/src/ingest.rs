//! The stage: configuration and input files to labelled, split and audited examples.

use lingo_artifact::bounded::Probability;
use lingo_artifact::byte_size::amount;
use lingo_artifact::example::Examples;
use lingo_artifact::progress::Progress;
use lingo_artifact::{ByteSize, LabelKind, Split};

use crate::audit::count as audit;
use crate::audit::leakage;
use crate::audit::leakage::{Dropped, Likeness};
use crate::config::ingest_config::{IngestConfig, input_files};
use crate::config::leakage::{Leakage, OnLeak};
use crate::config::sources::Source;
use crate::config::sources::{DevFromTrain, VariantLabel};
use crate::config::split::{FoldsBy, RatioSplit, SplitPlan};
use crate::error::{Error, Result};
use crate::formats::bed::regions::{Regions, read_places};
use crate::genome::reader::Genome;
use crate::negatives::make as negatives;
use crate::rows::dataset::{DataSet, in_order_of_splits};
use crate::rows::labels;
use crate::rows::labels::LabelColumn;
use crate::rows::train_classes::check_train;
use crate::similarity::overlaps::{Overlaps, Runs};
use crate::similarity::union_find::UnionFind;
use crate::sources;
use crate::sources::read::{Read, counts};
use crate::split::groups::Groups;
use crate::split::rows::Strata;
use crate::split::{downsample, folds, rows as split_rows};
use lingo_artifact::audit::{Audit, Clusters, Linked, Topic};
use lingo_artifact::random::Stream;

/// Makes the examples of one task: reads, labels, splits, audits. All of them stand in memory: see [`prepare`].
///
/// The rows come out train first, then dev, then test, within a split in the order of the files.
/// `metadata.audit` is the [`Audit`] as JSON; its warnings also go to `progress`.
///
/// # Errors
/// Whatever is wrong with the configuration or the files: [`Error`].
pub fn ingest(config: &IngestConfig, progress: &dyn Progress) -> Result<Examples> {
    prepare(config, progress)?.examples()
}

/// As [`ingest`], with the sequences still where they are: they are fetched when the data set is written.
///
/// # Errors
/// As [`ingest`].
pub fn prepare(config: &IngestConfig, progress: &dyn Progress) -> Result<DataSet> {
    config.check()?;
    let sources = input_files(config);
    progress.begin("reading", sources.len() as u64);
    let read = match &config.source {
        Source::Bed(source) => sources::bed::intervals(config, source, progress)?,
        Source::Csv(source) => sources::csv::tables(config, source, progress)?,
        Source::Vcf(source) => sources::vcf::read::variants(config, source, progress)?,
        Source::Gff(source) => sources::gff::read::features(config, source, progress)?,
        Source::IntervalCsv(source) => {
            sources::interval_csv::interval_tables(config, source, progress)?
        }
        Source::LabelledFasta(source) => {
            sources::labelled_fasta::labelled_fasta(config, source, progress)?
        }
        Source::PeakMatrix(source) => {
            sources::peak_matrix::read::peak_matrix(config, source, progress)?
        }
    };
    let mut read = read;
    leave_out_blacklisted(config, &mut read)?;
    let mut rows = read.rows;
    if let (Some(genome), Some(plan)) = (&mut read.genome, &config.negatives) {
        let more = 1 + u64::from(plan.per_positive());
        genome.keep_within(room(config.max_memory, more * rows.memory()));
    }
    let negatives = match &config.negatives {
        Some(plan) => negatives::add(&mut rows, read.genome.as_ref(), plan, config)?,
        None => negatives::Made::default(),
    };
    let (kind, labels) = match read.labels {
        Some(made) => made,
        None => {
            let classes = config.classes.as_deref();
            labels::resolve(&rows, config.label_kind, classes, more_classes(config))?
        }
    };
    let mut data = DataSet {
        order: (0..rows.all().len() as u32).collect(),
        splits: vec![Split::Train; rows.all().len()],
        rows,
        genome: read.genome,
        kind,
        labels,
        audit: None,
        left_out: read.left_out,
        sources,
        max_memory: config.max_memory,
    };
    let compared = memory_of_comparing(&data, config);
    let beside = memory_of_rows(&data) + compared;
    if let Some(genome) = &mut data.genome {
        genome.keep_within(room(config.max_memory, beside));
    }
    check_memory(&data, compared, config)?;
    let Parted {
        splits,
        wanted,
        clusters,
        linked,
    } = split(config, &data, read.dev_from_train.as_ref())?;
    data.order = in_order_of_splits(&splits);
    data.splits = splits;
    split_rows::check_filled(data.counts(), wanted).map_err(|e| {
        match few_rows_a_label(&e, &data) {
            Some(e) => e,
            None => too_much_together(e, linked.as_ref(), data.len()),
        }
    })?;
    check_train(&data)?;
    data.audit = match &config.leakage {
        Leakage::Unexamined => {
            if let Some(plan) = &config.downsample {
                downsample::downsample(&mut data, plan)?;
            }
            None
        }
        leakage => Some(Audit {
            dropped_outside: read.dropped_outside,
            negatives: negatives.made,
            negatives_missing: negatives.missing,
            clusters,
            linked: linked.clone(),
            ..examine(&mut data, leakage, config, wanted)?
        }),
    };
    progress.end(&format!("{} examples", data.len()));
    if let Some(reason) = &negatives.reason {
        progress.say(&format!("a negative that was not found: {reason}"));
    }
    let told = Audit {
        left_out: data.left_out(),
        linked,
        dropped_outside: read.dropped_outside,
        negatives: negatives.made,
        negatives_missing: negatives.missing,
        ..data.audit.clone().unwrap_or_default()
    };
    for finding in told.findings(|n| n.to_string()) {
        progress.say(&finding.line());
    }
    Ok(data)
}

/// Takes rows out that lie in a region of `blacklist`.
///
/// # Errors
/// A list that cannot be read, or is of another genome; no row that is left.
fn leave_out_blacklisted(config: &IngestConfig, read: &mut Read) -> Result<()> {
    let Some(genome) = read
        .genome
        .as_ref()
        .filter(|_| !config.blacklist.is_empty())
    else {
        return Ok(());
    };
    let limit = config.max_uncompressed_bytes;
    let places = read_places(&config.blacklist, genome, limit)?;
    let regions = Regions::new(genome, places.into_iter());
    let rows = read.rows.all().iter();
    let keep: Vec<bool> = rows
        .map(|row| {
            let window = read.rows.window(row);
            !window.is_some_and(|w| regions.overlap(w.sequence, w.start, w.end))
        })
        .collect();
    if !keep.contains(&true) {
        return Err(Error::Data(format!(
            "all {} rows lie in regions of `blacklist`",
            keep.len()
        )));
    }
    if config.negatives.is_some() {
        // They are positives still, which negatives must not lie on.
        let dropped = read
            .rows
            .all()
            .iter()
            .zip(&keep)
            .filter(|(_, keep)| !**keep);
        let windows: Vec<_> = dropped
            .filter_map(|(row, _)| read.rows.window(row))
            .collect();
        for w in windows {
            read.rows.push_original(w.sequence, w.start, w.end);
        }
    }
    read.rows.retain(&keep);
    if let Some((_, labels)) = &mut read.labels {
        labels.retain(&keep);
    }
    let rows = keep.iter().filter(|keep| !**keep).count() as u64;
    read.left_out.extend(counts([("blacklisted", rows)]));
    Ok(())
}

/// Where a source gets its other classes from.
fn more_classes(config: &IngestConfig) -> &'static str {
    match &config.source {
        _ if config.negatives.is_some() => "",
        Source::Vcf(source) if matches!(source.label, VariantLabel::PerFile(_)) => {
            "; give a file for each, or take the label from the records (`label: { info: KEY }`, --info KEY)"
        }
        Source::Bed(_) | Source::Gff(_) | Source::IntervalCsv(_) => {
            "; `negatives` makes one where only positives are given"
        }
        Source::Vcf(_) | Source::Csv(_) | Source::LabelledFasta(_) | Source::PeakMatrix(_) => "",
    }
}

/// A split that gives each label its share leaves nothing for dev and test when labels have a row or two.
fn few_rows_a_label(error: &Error, data: &DataSet) -> Option<Error> {
    match &data.kind {
        LabelKind::Classes(names) if names.len() > 20.max(data.len() / 4) => {
            Some(Error::Data(format!(
                "{error}; the rows have {} different labels (`{}`, ...): is this the column of the label?",
                names.len(),
                names.first().map_or("", String::as_str)
            )))
        }
        _ => None,
    }
}

/// Where all rows overlap, one split takes them all.
fn too_much_together(error: Error, linked: Option<&Linked>, rows: usize) -> Error {
    match linked {
        Some(linked) if linked.largest > 1 => Error::Data(format!(
            "{error}; {} of the {rows} rows are linked by overlaps and stay together: split by `chromosomes` or with `folds: {{ k: 5, by: chromosome }}`, or say `keep_overlaps_together: false`",
            linked.largest
        )),
        _ => error,
    }
}

/// Audits, and does what is to be done about leaks.
fn examine(
    data: &mut DataSet,
    leakage: &Leakage,
    config: &IngestConfig,
    wanted: [bool; 3],
) -> Result<Audit> {
    let likeness = Likeness::of(leakage);
    let on_leak = config.on_leak;
    let mut examination = None;
    let mut dropped = Dropped::default();
    if on_leak == OnLeak::Drop {
        let first = audit::examine(data, likeness)?;
        dropped = leakage::drop_leaking(data, &first.evidence, leakage);
        if dropped != Dropped::default() {
            let explain = |e| {
                Error::Data(format!(
                    "{e} (`on_leak: drop` took {} rows out of train and {} out of dev)",
                    dropped.train, dropped.dev
                ))
            };
            split_rows::check_filled(data.counts(), wanted).map_err(explain)?;
            check_train(data).map_err(explain)?;
        } else {
            examination = Some(first);
        }
    }
    // Last, so that the classes are as far from one another as was asked for, whatever leaked.
    if let Some(plan) = &config.downsample
        && downsample::downsample(data, plan)?
    {
        examination = None;
    }
    let examination = match examination {
        Some(examination) => examination,
        None => audit::examine(data, likeness)?,
    };
    let audit = Audit {
        dropped_train: dropped.train,
        dropped_dev: dropped.dev,
        ..audit::audit(data, &examination, leakage)
    };
    if on_leak == OnLeak::Error && audit.leaks() {
        let told: Vec<String> = audit
            .findings(|n| n.to_string())
            .into_iter()
            .filter(|finding| finding.topic == Topic::Leakage)
            .map(|finding| finding.text)
            .collect();
        return Err(Error::Data(format!(
            "sequences stand in more than one split, and `on_leak` is `error`: {}; `on_leak: drop` takes them out of train and dev, `split: {{ clusters: ... }}` keeps them together",
            told.join("; ")
        )));
    }
    Ok(audit)
}

/// What rows, and where they lie, take.
fn memory_of_rows(data: &DataSet) -> u64 {
    let lie = data.rows.traits().windows;
    let places = if lie { Overlaps::memory(data.len()) } else { 0 };
    data.memory() + places
}

/// What looking for what is the same, or nearly, takes at most beside the rows, in the split or in the audit. The index of k-mers is made
/// when the buffers are gone, and takes their quarter.
fn memory_of_comparing(data: &DataSet, config: &IngestConfig) -> u64 {
    let of_audit = match &config.leakage {
        Leakage::Unexamined => 0,
        examined => leakage::memory(data, Likeness::of(examined)),
    };
    let of_split = match &config.split {
        Some(SplitPlan::Clusters(plan)) => {
            leakage::memory(data, Likeness::near(plan.jaccard)) + UnionFind::memory(data.len())
        }
        _ => 0,
    };
    of_audit.max(of_split)
}

/// What rows and comparing that take `taken` leave to the genome: together they may have three quarters, and the last one is of the
/// buffers.
fn room(max_memory: ByteSize, taken: u64) -> u64 {
    let most = max_memory.get();
    (most - most / 4).saturating_sub(taken)
}

/// Makes sure that rows, labels, what is compared and the genome leave room for the buffers.
///
/// # Errors
/// What takes how much.
fn check_memory(data: &DataSet, compared: u64, config: &IngestConfig) -> Result<()> {
    let genome = data.genome.as_ref().map_or(0, Genome::memory);
    let rows = memory_of_rows(data);
    let most = data.max_memory.get();
    let longest = data.rows.traits().longest;
    if genome + rows + compared > most - most / 4 {
        let of_comparing = match compared {
            0 => String::new(),
            bytes => format!(", comparing them {}", amount(bytes)),
        };
        let cheaper = match (&config.split, &config.leakage) {
            (Some(SplitPlan::Clusters(_)), _) => ", or split by anything but `clusters`",
            (_, Leakage::Near(_)) => {
                ", or say `leakage: exact`, which looks for no near-duplicates"
            }
            _ => "",
        };
        return Err(Error::Data(format!(
            "the {} rows take {}{of_comparing} and the genome in memory {}, more than three quarters of max_memory, {}; raise it{cheaper}",
            data.len(),
            amount(rows),
            amount(genome),
            data.max_memory
        )));
    }
    if longest > most / 16 {
        return Err(Error::Data(format!(
            "the longest sequence has {longest} bases, more than a sixteenth of max_memory, {}, which a row may take while it is written; raise it, or cut the intervals",
            data.max_memory
        )));
    }
    Ok(())
}

/// How rows were split.
struct Parted {
    /// Of each row.
    splits: Vec<Split>,
    /// Which splits must have rows.
    wanted: [bool; 3],
    /// Which clusters were made.
    clusters: Option<Clusters>,
    /// What was kept together because it overlaps.
    linked: Option<Linked>,
}

/// Splits the rows.
fn split(
    config: &IngestConfig,
    data: &DataSet,
    dev_from_train: Option<&DevFromTrain>,
) -> Result<Parted> {
    let rows = data.rows.all();
    let strata = || match (&data.kind, &data.labels) {
        (LabelKind::Regression, _) => Strata::one(rows.len()),
        (LabelKind::Classes(names), LabelColumn::Classes(of)) => Strata::by_class(names, of),
        _ => Strata::by_label(&data.rows, rows.iter()),
    };
    let all: Vec<u32> = (0..rows.len() as u32).collect();
    let filled = |shares: [Probability; 3]| shares.map(|share| share.get() > 0.0);
    let parted = |splits, wanted, linked| Parted {
        splits,
        wanted,
        clusters: None,
        linked,
    };
    Ok(match (&config.split, &data.genome) {
        (None, _) => {
            let given: Option<Vec<Split>> = rows.iter().map(|row| row.split).collect();
            let mut splits = given.ok_or_else(|| Error::Config("`split` is missing".into()))?;
            let linked = match dev_from_train {
                Some(plan) => take_dev_from_train(data, &mut splits, plan)?,
                None => None,
            };
            parted(splits, [true; 3], linked)
        }
        (Some(SplitPlan::Ratios(plan)), _) => {
            let (splits, linked) = by_ratio(data, &all, strata, plan);
            parted(splits, filled([plan.train, plan.dev, plan.test]), linked)
        }
        (Some(SplitPlan::Clusters(plan)), _) => {
            let likeness = Likeness::near(plan.jaccard);
            let evidence = audit::examine(data, likeness)?.evidence;
            let (mut sets, not_all_compared) = evidence.clusters(likeness);
            let mut overlapping = Runs::default();
            if plan.keep_overlaps_together {
                overlapping = evidence.overlaps.link(&mut sets);
                sets.flatten(0..rows.len());
            }
            drop(evidence);
            let shares = [plan.train, plan.dev, plan.test];
            let together = Together::new(data, sets, &all, overlapping);
            let stream = Stream::new(plan.seed, "clusters");
            let parts = together
                .groups
                .deal(&shares.map(Probability::get), Some(0), stream);
            Parted {
                splits: parts.iter().map(split_of).collect(),
                wanted: filled(shares),
                clusters: Some(of_sets(&together.sets, rows.len(), not_all_compared)),
                linked: together.linked(shares.map(Probability::get)),
            }
        }
        (Some(SplitPlan::Folds(plan)), genome) => {
            let fold = plan.fold.ok_or_else(|| {
                Error::Config(format!(
                    "`split.folds` does not say which `fold` is test, 1 to {}",
                    plan.k.get()
                ))
            })?;
            let k = plan.k.get();
            let (parts, linked) = match (plan.by, genome) {
                (FoldsBy::Chromosome, Some(genome)) => {
                    let parts = folds::by_chromosome(&data.rows, genome, k, plan.seed)?;
                    (parts, None)
                }
                _ => match Together::of(data, &all, plan.keep_overlaps_together) {
                    Some(together) => {
                        let part = 1.0 / f64::from(k);
                        let stream = Stream::new(plan.seed, "folds");
                        let parts = together.groups.deal(&vec![part; k as usize], None, stream);
                        let wanted = [1.0 - 2.0 * part, part, part];
                        (parts, together.linked(wanted))
                    }
                    None => (folds::by_class(&strata(), k, plan.seed), None),
                },
            };
            parted(folds::splits(&parts, k, fold), [true; 3], linked)
        }
        (Some(SplitPlan::Chromosomes(plan)), Some(genome)) => parted(
            split_rows::by_chromosome(&data.rows, plan, genome)?,
            [true, !plan.dev.is_empty(), !plan.test.is_empty()],
            None,
        ),
        (Some(SplitPlan::Chromosomes(_)), None) => {
            return Err(Error::Config(
                "only a source with a genome can be split by `chromosomes`".into(),
            ));
        }
    })
}

/// Rows that stay together.
struct Together {
    sets: UnionFind,
    groups: Groups,
    overlapping: Runs,
}

impl Together {
    /// Of some rows; nothing where each is for itself and has one class or a value: those are dealt out class by class.
    fn of(data: &DataSet, which: &[u32], keep_overlaps: bool) -> Option<Self> {
        let mut sets = UnionFind::new(which.len());
        let mut overlapping = Runs::default();
        if keep_overlaps && data.rows.traits().windows {
            overlapping = Overlaps::of(&data.rows, which.iter().copied()).link(&mut sets);
            sets.flatten(0..which.len());
        }
        let lists = matches!(data.labels, LabelColumn::Lists(_));
        let needed = overlapping.groups > 0 || lists;
        needed.then(|| Self::new(data, sets, which, overlapping))
    }

    fn new(data: &DataSet, sets: UnionFind, which: &[u32], overlapping: Runs) -> Self {
        let classes = |row: usize, tell: &mut dyn FnMut(u32)| {
            data.labels.each_class(which[row] as usize, tell);
        };
        Self {
            groups: Groups::new(&sets, which.len(), classes),
            sets,
            overlapping,
        }
    }

    /// For the audit, where rows overlap.
    fn linked(&self, wanted: [f64; 3]) -> Option<Linked> {
        (self.overlapping.groups > 0).then(|| Linked {
            rows: self.overlapping.rows,
            groups: self.overlapping.groups,
            largest: self.groups.largest(),
            wanted,
        })
    }
}

/// The split of a part, of three.
fn split_of(part: &u32) -> Split {
    Split::ALL
        .get(*part as usize)
        .copied()
        .unwrap_or(Split::Train)
}

/// Splits some rows at random, each class apart, or what must stay together as a whole.
fn by_ratio<'a>(
    data: &DataSet,
    which: &[u32],
    strata: impl FnOnce() -> Strata<'a>,
    plan: &RatioSplit,
) -> (Vec<Split>, Option<Linked>) {
    let Some(together) = Together::of(data, which, plan.keep_overlaps_together) else {
        return (split_rows::by_ratio(&strata(), plan), None);
    };
    let shares = [plan.train, plan.dev, plan.test].map(Probability::get);
    let stream = Stream::new(plan.seed, "split");
    let parts = together.groups.deal(&shares, Some(0), stream);
    let splits = parts.iter().map(split_of).collect();
    (splits, together.linked(shares))
}

fn of_sets(sets: &UnionFind, rows: usize, not_all_compared: u64) -> Clusters {
    let mut sizes = vec![0u64; rows];
    for row in 0..rows {
        sizes[sets.root(row)] += 1;
    }
    Clusters {
        clusters: sizes.iter().filter(|size| **size > 0).count() as u64,
        largest: sizes.iter().copied().max().unwrap_or(0),
        not_all_compared,
    }
}

/// Makes dev of a share of the training rows, each class apart.
fn take_dev_from_train(
    data: &DataSet,
    splits: &mut [Split],
    plan: &DevFromTrain,
) -> Result<Option<Linked>> {
    let is_train = |i: &u32| splits[*i as usize] == Split::Train;
    let train: Vec<u32> = (0..splits.len() as u32).filter(is_train).collect();
    let rows = data.rows.all();
    let strata = || Strata::by_label(&data.rows, train.iter().map(|i| &rows[*i as usize]));
    let share = |value: f64| Probability::try_from(value).map_err(Error::Config);
    let plan = RatioSplit {
        train: share(1.0 - plan.share.get())?,
        dev: plan.share,
        test: share(0.0)?,
        seed: plan.seed,
        keep_overlaps_together: plan.keep_overlaps_together,
    };
    let (dealt, linked) = by_ratio(data, &train, strata, &plan);
    for (i, split) in train.iter().zip(dealt) {
        splits[*i as usize] = split;
    }
    // The shares are of the rows that train had.
    let rows = splits.len().max(1) as f64;
    let test = 1.0 - train.len() as f64 / rows;
    Ok(linked.map(|linked| Linked {
        wanted: [
            linked.wanted[0] * (1.0 - test),
            linked.wanted[1] * (1.0 - test),
            test,
        ],
        ..linked
    }))
}
