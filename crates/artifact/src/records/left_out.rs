//! What a source left out: the names under which an audit counts it (`left_out`), and the words for people.

/// The name in the audit, the words for one, the words for several.
const WORDS: [(&str, &str, &str); 16] = [
    (
        "symbolic_alleles",
        "symbolic allele (such as <DEL>)",
        "symbolic alleles (such as <DEL>)",
    ),
    ("breakends", "breakend", "breakends"),
    (
        "overlapped_alleles",
        "allele `*` (missing because of a deletion further up)",
        "alleles `*` (missing because of a deletion further up)",
    ),
    (
        "without_alternate",
        "record without an ALT allele",
        "records without an ALT allele",
    ),
    (
        "ref_mismatches",
        "variant whose REF is not what the genome has",
        "variants whose REF is not what the genome has",
    ),
    (
        "longer_than_window",
        "variant that reaches beyond its window",
        "variants that reach beyond their window",
    ),
    (
        "unseen_in_window",
        "variant that its window does not show (it ends within the repeat)",
        "variants that their windows do not show (they end within the repeats)",
    ),
    (
        "other_labels",
        "variant without one of the labels in `only`",
        "variants without one of the labels in `only`",
    ),
    (
        "repeated_windows",
        "window that was there before (transcripts that share a site)",
        "windows that were there before (transcripts that share a site)",
    ),
    (
        "strandless_transcripts",
        "transcript without a strand",
        "transcripts without a strand",
    ),
    (
        "skipped_contigs",
        "row on a sequence that `contigs.skip` leaves out",
        "rows on sequences that `contigs.skip` leaves out",
    ),
    (
        "unchanged_alleles",
        "allele whose ALT is its REF",
        "alleles whose ALT is their REF",
    ),
    (
        "ambiguous_alleles",
        "allele with a base other than A, C, G, T and N",
        "alleles with a base other than A, C, G, T and N",
    ),
    (
        "downsampled",
        "row of train, of a class that has more than `downsample` lets it",
        "rows of train, of classes that have more than `downsample` lets them",
    ),
    (
        "blacklisted",
        "row in a region of `blacklist`",
        "rows in regions of `blacklist`",
    ),
    (
        "unlabelled_bins",
        "bin that no file covers enough (`keep_unlabelled` keeps it)",
        "bins that no file covers enough (`keep_unlabelled` keeps them)",
    ),
];

/// The words for so many of what the audit calls `key`, without the number. A name that this version does not know is its own words:
/// an audit may have been written by a later one.
pub fn words(key: &str, rows: u64) -> &str {
    match WORDS.iter().find(|(name, _, _)| *name == key) {
        Some((_, one, _)) if rows == 1 => one,
        Some((_, _, many)) => many,
        None => key,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_is_not_several() {
        assert_eq!(words("breakends", 1), "breakend");
        assert_eq!(words("breakends", 2), "breakends");
        assert_eq!(words("of_a_later_version", 2), "of_a_later_version");
    }

    #[test]
    fn no_name_stands_twice() {
        for (i, (name, one, many)) in WORDS.iter().enumerate() {
            assert!(WORDS[..i].iter().all(|(other, _, _)| other != name));
            assert_ne!(one, many);
        }
    }
}
