//! The stage: configuration and input files to labelled, split and audited examples.

use lingo_artifact::bounded::Probability;
use lingo_artifact::byte_size::amount;
use lingo_artifact::example::Examples;
use lingo_artifact::progress::Progress;
use lingo_artifact::{LabelKind, Split};

use crate::audit::count as audit;
use crate::audit::leakage;
use crate::audit::leakage::Dropped;
use crate::config::ingest_config::{IngestConfig, input_files};
use crate::config::leakage::{Leakage, OnLeak};
use crate::config::sources::Source;
use crate::config::sources::{DevFromTrain, VariantLabel};
use crate::config::split::{FoldsBy, RatioSplit, SplitPlan};
use crate::error::{Error, Result};
use crate::genome::reader::Genome;
use crate::negatives::make as negatives;
use crate::rows::dataset::{DataSet, in_order_of_splits};
use crate::rows::labels;
use crate::rows::labels::LabelColumn;
use crate::rows::row::Rows;
use crate::rows::train_classes::check_train;
use crate::similarity::sketches::UnionFind;
use crate::sources;
use crate::split::rows::Strata;
use crate::split::{clusters, folds, rows as split_rows};
use lingo_artifact::audit::{Audit, Clusters, Topic};

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
    let mut rows = read.rows;
    let negatives = match &config.negatives {
        Some(plan) => negatives::add(
            &mut rows,
            read.genome.as_ref(),
            plan,
            config.split.as_ref(),
            config.max_uncompressed_bytes,
        )?,
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
    check_memory(&data)?;
    let (wanted, clusters) = split(config, &mut data, read.dev_from_train.as_ref())?;
    split_rows::check_filled(data.counts(), wanted).map_err(|e| few_rows_a_label(e, &data))?;
    check_train(&data)?;
    data.audit = match &config.leakage {
        Leakage::Unexamined => None,
        leakage => Some(Audit {
            dropped_outside: read.dropped_outside,
            negatives: negatives.made,
            negatives_missing: negatives.missing,
            clusters,
            ..examine(&mut data, leakage, config.on_leak, wanted)?
        }),
    };
    progress.end(&format!("{} examples", data.len()));
    if let Some(reason) = &negatives.reason {
        progress.say(&format!("a negative that was not found: {reason}"));
    }
    let told = Audit {
        left_out: data.left_out(),
        ..data.audit.clone().unwrap_or_default()
    };
    for finding in told.findings(|n| n.to_string()) {
        progress.say(&finding.line());
    }
    Ok(data)
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
fn few_rows_a_label(error: Error, data: &DataSet) -> Error {
    match &data.kind {
        LabelKind::Classes(names) if names.len() > 20.max(data.len() / 4) => Error::Data(format!(
            "{error}; the rows have {} different labels (`{}`, ...): is this the column of the label?",
            names.len(),
            names.first().map_or("", String::as_str)
        )),
        _ => error,
    }
}

/// Audits, and does what is to be done about leaks.
fn examine(
    data: &mut DataSet,
    leakage: &Leakage,
    on_leak: OnLeak,
    wanted: [bool; 3],
) -> Result<Audit> {
    let near = leakage::bound(leakage);
    if let Some(bound) = near {
        leakage::check_memory(data.len(), bound, data.max_memory)?;
    }
    let mut examination = audit::examine(data, near.is_some())?;
    let mut dropped = Dropped::default();
    if on_leak == OnLeak::Drop {
        let bound = near.unwrap_or_default();
        dropped = leakage::drop_leaking(data, &examination.evidence, bound);
        if dropped != Dropped::default() {
            let explain = |e| {
                Error::Data(format!(
                    "{e} (`on_leak: drop` took {} rows out of train and {} out of dev)",
                    dropped.train, dropped.dev
                ))
            };
            split_rows::check_filled(data.counts(), wanted).map_err(explain)?;
            check_train(data).map_err(explain)?;
            examination = audit::examine(data, near.is_some())?;
        }
    }
    let audit = Audit {
        dropped_train: dropped.train,
        dropped_dev: dropped.dev,
        ..audit::audit(data, &examination, near)
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

/// Makes sure that rows, labels and the genome leave room for the buffers.
///
/// # Errors
/// What takes how much.
fn check_memory(data: &DataSet) -> Result<()> {
    let genome = data.genome.as_ref().map_or(0, Genome::memory);
    let rows = data.memory();
    let most = data.max_memory.get();
    let longest = data.rows.traits().longest;
    if genome + rows > most - most / 4 {
        return Err(Error::Data(format!(
            "the {} rows take {} and the genome in memory {}, more than three quarters of max_memory, {}; raise it",
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

/// Splits the rows; says which splits must have rows, and which clusters were made.
fn split(
    config: &IngestConfig,
    data: &mut DataSet,
    dev_from_train: Option<&DevFromTrain>,
) -> Result<([bool; 3], Option<Clusters>)> {
    let mut clusters = None;
    let rows = data.rows.all();
    let strata = || match (&data.kind, &data.labels) {
        (LabelKind::Regression, _) => Strata::one(rows.len()),
        (LabelKind::Classes(names), LabelColumn::Classes(of)) => Strata::by_class(names, of),
        _ => Strata::by_label(&data.rows, rows.iter()),
    };
    let (splits, wanted) = match (&config.split, &data.genome) {
        (None, _) => {
            let given: Option<Vec<Split>> = rows.iter().map(|row| row.split).collect();
            let mut splits = given.ok_or_else(|| Error::Config("`split` is missing".into()))?;
            if let Some(plan) = dev_from_train {
                take_dev_from_train(&data.rows, &mut splits, plan)?;
            }
            (splits, [true; 3])
        }
        (Some(SplitPlan::Ratios(plan)), _) => {
            let wanted = [plan.train, plan.dev, plan.test].map(|share| share.get() > 0.0);
            (split_rows::by_ratio(&strata(), plan), wanted)
        }
        (Some(SplitPlan::Clusters(plan)), _) => {
            let bound = plan.jaccard.get();
            leakage::check_memory(rows.len(), bound, config.max_memory)?;
            let evidence = audit::examine(data, true)?.evidence;
            let (sets, not_all_compared) = evidence.clusters(bound);
            clusters = Some(of_sets(&sets, rows.len(), not_all_compared));
            let wanted = [plan.train, plan.dev, plan.test].map(|share| share.get() > 0.0);
            (clusters::split(&sets, rows.len(), plan), wanted)
        }
        (Some(SplitPlan::Folds(plan)), genome) => {
            let fold = plan.fold.ok_or_else(|| {
                Error::Config(format!(
                    "`split.folds` does not say which `fold` is test, 1 to {}",
                    plan.k.get()
                ))
            })?;
            let parts = match (plan.by, genome) {
                (FoldsBy::Chromosome, Some(genome)) => {
                    folds::by_chromosome(&data.rows, genome, plan.k.get(), plan.seed)?
                }
                _ => folds::by_class(&strata(), plan.k.get(), plan.seed),
            };
            (folds::splits(&parts, plan.k.get(), fold), [true; 3])
        }
        (Some(SplitPlan::Chromosomes(plan)), Some(genome)) => (
            split_rows::by_chromosome(&data.rows, plan, genome)?,
            [true, !plan.dev.is_empty(), !plan.test.is_empty()],
        ),
        (Some(SplitPlan::Chromosomes(_)), None) => {
            return Err(Error::Config(
                "only a source with a genome can be split by `chromosomes`".into(),
            ));
        }
    };
    data.order = in_order_of_splits(&splits);
    data.splits = splits;
    Ok((wanted, clusters))
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
fn take_dev_from_train(rows: &Rows, splits: &mut [Split], plan: &DevFromTrain) -> Result<()> {
    let train: Vec<usize> = (0..splits.len())
        .filter(|i| splits[*i] == Split::Train)
        .collect();
    let strata = Strata::by_label(rows, train.iter().map(|i| &rows.all()[*i]));
    let share = |value: f64| Probability::try_from(value).map_err(Error::Config);
    let plan = RatioSplit {
        train: share(1.0 - plan.share.get())?,
        dev: plan.share,
        test: share(0.0)?,
        seed: plan.seed,
    };
    for (i, split) in train.iter().zip(split_rows::by_ratio(&strata, &plan)) {
        splits[*i] = split;
    }
    Ok(())
}
