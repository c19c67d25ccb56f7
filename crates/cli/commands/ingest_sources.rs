//! The sources of `ingest` beside BED and CSV, from the command line.

use lingo_ingest::config::Source;
use lingo_ingest::config::sources::{
    BeyondEnd, FeatureLabel, FeatureType, FeatureWindow, Flanks, GffSource, IntervalCsvSource,
    IntervalTable, LabelledFastaSource, OddAlleles, PeakMatrixSource, RefMismatch, VariantLabel,
    VcfSource,
};
use lingo_ingest::config::{GenomeFile, Genomes, class_of};
use lingo_workflow::{Error, Kind};

use crate::arguments::{Ingest, UpDown};
use crate::sequences::of_fasta;

/// The source that the options name; nothing when they name none of these.
pub fn other_source(a: &Ingest) -> Result<Option<Source>, Error> {
    let o = &a.other;
    if let Some(file) = &o.labelled_fasta {
        return Ok(Some(Source::LabelledFasta(LabelledFastaSource {
            train: None,
            dev: None,
            test: None,
            file: Some(file.clone()),
            separator: o.separator.clone(),
            field: o.label_field,
            dev_from_train: None,
        })));
    }
    let Some(fasta) = of_fasta(&a.fasta)? else {
        return Ok(None);
    };
    if !o.vcf.is_empty() {
        return variants(a, fasta).map(Some);
    }
    if !o.gff.is_empty() {
        return Ok(Some(features(a, fasta)));
    }
    if !o.intervals.is_empty() {
        let table = |file: &GenomeFile| IntervalTable {
            file: file.clone(),
            class: class_of(file.path()),
            split: None,
        };
        return Ok(Some(Source::IntervalCsv(IntervalCsvSource {
            fasta,
            tables: o.intervals.iter().map(table).collect(),
            width: a.width,
            beyond_end: beyond_end(a),
            stranded: !a.unstranded,
            dev_from_train: None,
        })));
    }
    if !o.peaks.is_empty() {
        let defaults = PeakMatrixSource::new(fasta, o.peaks.clone());
        return Ok(Some(Source::PeakMatrix(PeakMatrixSource {
            bin: o.bin.unwrap_or(defaults.bin),
            context: o.context.unwrap_or(defaults.context),
            keep_unlabelled: o.keep_unlabelled,
            beyond_end: beyond_end(a),
            ..defaults
        })));
    }
    Ok(None)
}

/// What `--pad` says.
pub fn beyond_end(a: &Ingest) -> BeyondEnd {
    if a.pad {
        BeyondEnd::Pad
    } else {
        BeyondEnd::Drop
    }
}

fn variants(a: &Ingest, fasta: Genomes) -> Result<Source, Error> {
    let o = &a.other;
    let Some(width) = a.width else {
        return Err(Error::stage(
            Kind::Usage,
            "--vcf needs --width, the bases of each sequence",
        ));
    };
    Ok(Source::Vcf(VcfSource {
        fasta,
        files: o.vcf.clone(),
        label: match &o.info {
            Some(key) => VariantLabel::Info(key.clone()),
            None => VariantLabel::PerFile(o.vcf.iter().map(|vcf| class_of(vcf.path())).collect()),
        },
        only: (!o.only.is_empty()).then(|| o.only.clone()),
        width,
        ref_mismatch: if o.skip_ref_mismatch {
            RefMismatch::Skip
        } else {
            RefMismatch::Error
        },
        beyond_end: beyond_end(a),
        normalise: !o.as_written,
        odd_alleles: if o.skip_odd_alleles {
            OddAlleles::Skip
        } else {
            OddAlleles::Error
        },
    }))
}

fn features(a: &Ingest, fasta: Genomes) -> Source {
    let o = &a.other;
    let flanks = |window: UpDown| Flanks {
        up: window.up,
        down: window.down,
    };
    let sites = [
        o.promoter.map(|w| FeatureWindow::Promoter(flanks(w))),
        o.donor.map(|w| FeatureWindow::Donor(flanks(w))),
        o.acceptor.map(|w| FeatureWindow::Acceptor(flanks(w))),
    ];
    let types = o.feature.iter().map(|kind| {
        FeatureWindow::Feature(FeatureType {
            kind: kind.clone(),
            width: a.width,
        })
    });
    Source::Gff(GffSource {
        fasta,
        files: o.gff.clone(),
        windows: sites.into_iter().flatten().chain(types).collect(),
        beyond_end: beyond_end(a),
        label: match &o.attribute {
            Some(name) => FeatureLabel::Attribute(name.clone()),
            None => FeatureLabel::Window,
        },
        transcripts: None,
        only: Default::default(),
    })
}
