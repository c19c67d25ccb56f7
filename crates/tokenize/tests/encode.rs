//! Whole data sets through the vocabulary maps, the language prefix and the limits, with the tiny models of the fixtures.

// clippy.toml allows these in tests; the functions that tests share are tests too.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::collections::BTreeMap;
use std::num::NonZeroU32;
use std::path::{Path, PathBuf};

use lingo_artifact::example::{Example, Examples, ExamplesMetadata};
use lingo_artifact::progress::Silent;
use lingo_artifact::tokens::Tokens;
use lingo_artifact::{Label, LabelKind, Split};
use lingo_tokenize::scheme::BpeScheme;
use lingo_tokenize::{
    Decoder, DnaTokenizer, Encoder, Error, ModelVocabulary, Scheme, TokenizeConfig, VocabularyMap,
    encode, inspect,
};
use proptest::prelude::*;

fn folder(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/fixtures")
        .join(name)
}

fn model(name: &str) -> ModelVocabulary {
    ModelVocabulary::load(&folder(name)).unwrap()
}

fn keys() -> BTreeMap<String, String> {
    BTreeMap::from([("task".to_string(), "H3".to_string())])
}

fn examples(sequences: &[(&str, Option<&str>)]) -> Examples {
    let rows = sequences.iter().enumerate().map(|(i, (a, b))| Example {
        id: format!("x{i}"),
        split: Split::ALL[i % 3],
        sequence: a.to_string(),
        sequence2: b.map(String::from),
        label: Label::Class((i % 2) as u32),
        interval: None,
    });
    Examples {
        rows: rows.collect(),
        metadata: ExamplesMetadata {
            labels: LabelKind::Classes(vec!["0".into(), "1".into()]),
            sources: Vec::new(),
            audit: serde_json::Value::Null,
        },
    }
}

fn config(scheme: &str, vocabulary: VocabularyMap) -> TokenizeConfig {
    TokenizeConfig {
        vocabulary,
        ..TokenizeConfig::new(scheme.parse().unwrap())
    }
}

fn run(
    name: &str,
    config: &TokenizeConfig,
    sequences: &[(&str, Option<&str>)],
) -> Result<Tokens, Error> {
    encode(&examples(sequences), &model(name), config, &keys(), &Silent)
}

// The fixtures' ids: [CLS] 11, [SEP] 12, a 41, c 43, g 47, t 59, n 53; 2104 rows in BERT's config.json, 2100 tokens.
const ROWS: u32 = 2104;

#[test]
fn reuse_takes_rows_that_the_model_has() {
    let base = run(
        "bert",
        &config("base", VocabularyMap::Reuse),
        &[("acgun", None)],
    )
    .unwrap();
    let row = |t: &str| model("bert").row(t).unwrap();
    assert_eq!(
        base.rows[0].input_ids,
        [11, row("a"), row("c"), row("g"), row("t"), row("n"), 12]
    );
    let e = &base.metadata.encoding;
    assert_eq!(
        (e.scheme.as_str(), e.vocabulary.as_str(), e.max_length),
        ("base", "reuse", 7)
    );
    assert_eq!(
        (e.model_vocab_size, e.pad, e.new_rows.is_none()),
        (ROWS, 0, true)
    );
    assert_eq!(e.tokens[1], ("C".to_string(), row("c")));
    assert_eq!(base.metadata.unknown, [1, 0, 0]);

    let opt = run(
        "opt",
        &config("base", VocabularyMap::Reuse),
        &[("ACGTN", None)],
    )
    .unwrap();
    let letters = model("opt").letter_rows().unwrap();
    assert_eq!(opt.rows[0].input_ids, [&[2], &letters[..]].concat());

    let mut overlapping = config("kmer:3:1", VocabularyMap::Reuse);
    overlapping.reuse_from = 1000;
    let found = run("bert", &overlapping, &[("AACNAAA", None)]).unwrap();
    assert_eq!(
        found.rows[0].input_ids,
        [11, 1001, row("n"), row("n"), row("n"), 1000, 12]
    );
}

#[test]
fn reuse_takes_the_rows_of_a_model_that_knows_the_scheme() {
    let folder = tempfile::tempdir().unwrap();
    let kmers = |text: &str| DnaTokenizer::of(&text.parse().unwrap()).unwrap();
    kmers("kmer:3:3")
        .write(&folder.path().join("tokenizer.json"))
        .unwrap();
    std::fs::write(
        folder.path().join("config.json"),
        r#"{"model_type": "bert", "vocab_size": 74, "max_position_embeddings": 62, "pad_token_id": 0}"#,
    )
    .unwrap();
    let model = ModelVocabulary::load(folder.path()).unwrap();
    let ids = |scheme: &str| {
        let config = config(scheme, VocabularyMap::Reuse);
        let found = encode(
            &examples(&[("ACGTTNA", None)]),
            &model,
            &config,
            &keys(),
            &Silent,
        )
        .unwrap();
        found.rows[0].input_ids.clone()
    };
    // As its own tokenizer has them: ACG, then single bases before the N.
    let own = ids("model");
    assert_eq!(own, [2, 5 + 6, 5 + 67, 5 + 67, 5 + 68, 5 + 64, 3]);
    assert_eq!(ids("kmer:3:3"), own);
    assert_eq!(ids("base"), [2, 69, 70, 71, 72, 72, 73, 69, 3]);
    assert_eq!(ids("kmer:3:1")[..4], [2, 5 + 6, 5 + 27, 5 + 47]);

    // It does not know pairs, and has no rows from 2000 on.
    let pairs = config("kmer:2:2", VocabularyMap::Reuse);
    let e = encode(
        &examples(&[("ACGT", None)]),
        &model,
        &pairs,
        &keys(),
        &Silent,
    )
    .unwrap_err();
    assert!(e.to_string().contains("would take row 2000"), "{e}");
}

#[test]
fn reuse_refuses_rows_that_do_not_fit() {
    fn t(scheme: &str, from: u32, expected: &str) {
        let mut config = config(scheme, VocabularyMap::Reuse);
        config.reuse_from = from;
        let e = run("bert", &config, &[("ACGT", None)]).unwrap_err();
        assert!(
            e.to_string().contains(expected) && e.is_configuration(),
            "{e}"
        );
    }
    t(
        "kmer:4:4",
        2000,
        "would take row 2104, but the model has 2104 rows; 256 tokens",
    );
    t("kmer:3:3", 5, "row 10, which is a special token");
    t("kmer:3:3", 14, "would both take row 41");
}

#[test]
fn extend_gives_each_token_a_new_row() {
    let found = run(
        "bert",
        &config("kmer:2:2", VocabularyMap::Extend),
        &[("ACTTNG", None)],
    )
    .unwrap();
    assert_eq!(
        found.rows[0].input_ids,
        [11, ROWS + 1, ROWS + 15, ROWS + 20, ROWS + 18, 12]
    );
    let new = found.metadata.encoding.new_rows.unwrap();
    assert_eq!(new.trained, 21);
    assert_eq!(
        new.composition,
        (0..21).map(|i| vec![i]).collect::<Vec<_>>()
    );
    // One position is composed of itself: nothing is summed.
    let base = |map| {
        let e = run("bert", &config("base", map), &[("ACGTN", None)])
            .unwrap()
            .metadata
            .encoding;
        (e.tokens, e.new_rows)
    };
    assert_eq!(base(VocabularyMap::Compose), base(VocabularyMap::Extend));
}

#[test]
fn compose_sums_position_specific_vectors() {
    let found = run(
        "bert",
        &config("kmer:3:3", VocabularyMap::Compose),
        &[("TGCANG", None)],
    )
    .unwrap();
    let n = model("bert").row("n").unwrap();
    // TGC is 3 * 16 + 2 * 4 + 1 = 57; the single bases stand behind the 64 k-mers.
    assert_eq!(
        found.rows[0].input_ids,
        [11, ROWS + 57, ROWS + 64, n, ROWS + 66, 12]
    );
    let new = found.metadata.encoding.new_rows.unwrap();
    assert_eq!((new.trained, new.composition.len()), (12, 68));
    // `reuse_from`: the model has 2104 rows.
    assert_eq!(new.like_rows_from, Some(2000));
    assert_eq!(new.composition[57], [3, 4 + 2, 8 + 1]);
    assert_eq!(new.composition[66], [2]);

    let mut bpe = config("base", VocabularyMap::Compose);
    bpe.scheme = Scheme::Bpe(BpeScheme::new(12, None).unwrap());
    let e = run("bert", &bpe, &[("ACACAC", None)]).unwrap_err();
    assert!(e.to_string().contains("use `reuse` or `extend`"), "{e}");
}

#[test]
fn the_prefix_is_text_in_the_models_tokens() {
    let mut config = config("base", VocabularyMap::Reuse);
    config.prefix = Some("Task: {task}. Sequence: {sequence} Answer:".to_string());
    for (name, first, last) in [("bert", vec![11], vec![12]), ("opt", vec![2], vec![])] {
        let model = model(name);
        let found = run(name, &config, &[("AC", None)]).unwrap();
        let [a, c, ..] = model.letter_rows().unwrap();
        let before = model.encode("Task: H3. Sequence: ").unwrap();
        let after = model.encode(" Answer:").unwrap();
        assert!(before.len() > 3 && after.len() > 1);
        assert_eq!(
            found.rows[0].input_ids,
            [&first[..], &before, &[a, c], &after, &last].concat()
        );
        let template = found.metadata.encoding.template.unwrap();
        assert_eq!(template, "Task: H3. Sequence: {sequence} Answer:");
    }
    config.prefix = Some("{mark}: {sequence}".to_string());
    let e = run("bert", &config, &[("AC", None)]).unwrap_err();
    assert!(e.to_string().contains("`{mark}` is not a key"), "{e}");
}

#[test]
fn pairs() {
    let mut config = config("base", VocabularyMap::Reuse);
    let pair = [("AC", Some("G"))];
    let ids = |name: &str, config: &TokenizeConfig| {
        run(name, config, &pair).unwrap().rows[0].input_ids.clone()
    };
    let [a, c, g, ..] = model("bert").letter_rows().unwrap();
    assert_eq!(ids("bert", &config), [11, a, c, 12, g, 12]);
    let [a, c, g, ..] = model("opt").letter_rows().unwrap();
    assert_eq!(ids("opt", &config), [2, a, c, 2, g]);
    // Under a language prefix a causal model reads one text.
    config.prefix = Some("{sequence}".to_string());
    assert_eq!(ids("opt", &config), [2, a, c, g]);
}

#[test]
fn a_pair_that_is_cut_still_differs() {
    let mut config = config("base", VocabularyMap::Reuse);
    config.truncate = true;
    config.max_length = NonZeroU32::new(11);
    let [a, c, g, t, ..] = model("bert").letter_rows().unwrap();
    let ids = |first: &str, second: &str| {
        let found = run("bert", &config, &[(first, Some(second))]).unwrap();
        let ids = found.rows[0].input_ids.clone();
        (ids[1..5].to_vec(), ids[6..10].to_vec())
    };
    // A variant in the middle of its window, and one near its end.
    assert_eq!(
        ids("AAAAACGTAAAA", "AAAAATGTAAAA"),
        (vec![a, c, g, t], vec![a, t, g, t])
    );
    assert_eq!(
        ids("AAAAAAAAAAGC", "AAAAAAAAAAGT"),
        (vec![a, a, g, c], vec![a, a, g, t])
    );
    // What was the same before may be so behind.
    assert_eq!(ids("ACGTACGTACGT", "ACGTACGTACGT").0, [a, c, g, t]);
    // No cut of these two differs.
    let e = run("bert", &config, &[("AAAAAAAA", Some("AAAAAAAAAAA"))]).unwrap_err();
    assert_eq!(
        e.to_string(),
        "cut to 11 tokens, the two sequences of 1 of 1 pairs are the same (`x0`); make the sequences shorter (`width`), raise `max_length`, or use a scheme with fewer tokens"
    );
}

#[test]
fn what_is_too_long_is_refused_or_counted() {
    let mut config = config("base", VocabularyMap::Reuse);
    config.max_length = NonZeroU32::new(6);
    let long = [
        ("ACGT", None),
        ("ACGTA", None),
        ("ACGTACG", None),
        ("ACGTACG", None),
    ];
    let message = run("bert", &config, &long).unwrap_err().to_string();
    assert!(
        message.starts_with(
            "3 of 4 sequences need more than 6 tokens (max_length), the longest 9 (`x2`)"
        ),
        "{message}"
    );
    config.truncate = true;
    let found = run("bert", &config, &long).unwrap();
    assert_eq!(found.metadata.truncated, [1, 1, 1]);
    // The middle four; of an odd rest one base more is cut off at the end.
    let [a, c, g, t, ..] = model("bert").letter_rows().unwrap();
    let kept = |row: usize| &found.rows[row].input_ids[1..5];
    assert_eq!([kept(0), kept(1)], [&[a, c, g, t]; 2]);
    assert_eq!([kept(2), kept(3)], [&[c, g, t, a]; 2]);
    assert_eq!(found.metadata.encoding.max_length, 6);

    config.max_length = None;
    config.truncate = false;
    let sequence = "A".repeat(200);
    let message = run("opt", &config, &[(&sequence, None)])
        .unwrap_err()
        .to_string();
    assert!(
        message.contains(
            "1 of 1 sequences need more than 128 tokens (the model's positions), the longest 201"
        ),
        "{message}"
    );
    config.max_length = NonZeroU32::new(129);
    let message = run("opt", &config, &[("A", None)]).unwrap_err().to_string();
    assert!(
        message.contains("129") && message.contains("128"),
        "{message}"
    );
    config.max_length = NonZeroU32::new(6);
    config.prefix = Some("the task is {sequence}".to_string());
    let message = run("bert", &config, &[("A", None)])
        .unwrap_err()
        .to_string();
    assert!(
        message.contains("leaves no room for DNA under the limit of 6"),
        "{message}"
    );
}

#[test]
fn dna_as_text_is_refused_when_the_tokenizer_does_not_know_it() {
    let mut config = config("model", VocabularyMap::Reuse);
    let sequence = "ACGT".repeat(40);
    let e = run("bert", &config, &[(&sequence, None)]).unwrap_err();
    assert!(e.to_string().contains("1 of 1 tokens (100.0 %)"), "{e}");
    assert!(e.to_string().contains("more than 100 characters"), "{e}");

    config.max_unknown = Some(1.0.try_into().unwrap());
    let found = run("bert", &config, &[(&sequence, None)]).unwrap();
    assert_eq!(found.rows[0].input_ids, [11, 10, 12]);
    assert_eq!(found.metadata.unknown, [1, 0, 0]);

    config.max_unknown = None;
    let found = run("opt", &config, &[("acgu", None)]).unwrap();
    assert_eq!(
        found.rows[0].input_ids[1..],
        model("opt").encode("ACGT").unwrap()
    );
    assert_eq!(found.metadata.encoding.vocabulary, "own");
    config.vocabulary = VocabularyMap::Extend;
    let e = run("opt", &config, &[("ACGT", None)]).unwrap_err();
    assert!(e.to_string().contains("leave `vocabulary` out"), "{e}");
}

#[test]
fn byte_pairs_are_learned_from_the_training_split_only() {
    let mut config = config("base", VocabularyMap::Extend);
    config.scheme = Scheme::Bpe(BpeScheme::new(11, None).unwrap());
    let found = run(
        "bert",
        &config,
        &[("ACACACAC", None), ("GTGTGTGTGTGTGT", None)],
    )
    .unwrap();
    let e = found.metadata.encoding;
    assert_eq!(e.scheme, "bpe:11");
    let texts: Vec<&str> = e.tokens.iter().map(|(t, _)| t.as_str()).collect();
    assert_eq!(texts, ["A", "C", "G", "N", "T", "A C"]);
    assert_eq!(
        found.rows[0].input_ids,
        [11, ROWS + 5, ROWS + 5, ROWS + 5, ROWS + 5, 12]
    );
    assert_eq!(e.new_rows.unwrap().trained, 6);
}

#[test]
fn a_scheme_without_a_model_has_the_ids_of_its_tokenizer_json() {
    let config = config("kmer:2:1", VocabularyMap::Reuse);
    let dna = lingo_tokenize::DnaTokenizer::of(&config.scheme).unwrap();
    let own = ModelVocabulary::of_scheme(&dna).unwrap();
    let found = encode(
        &examples(&[("AACN", None)]),
        &own,
        &config,
        &keys(),
        &Silent,
    )
    .unwrap();
    assert_eq!(found.rows[0].input_ids, [2, 5, 6, 1, 3]);
    assert_eq!(found.metadata.encoding.vocabulary, "own");
}

#[test]
fn inspection_counts() {
    let mut config = config("kmer:3:3", VocabularyMap::Reuse);
    config.max_length = NonZeroU32::new(4);
    config.truncate = true;
    let sequences = [("ACGN", None), ("ACGACGACG", None), ("AC", None)];
    let tokens = run("bert", &config, &sequences).unwrap();
    let encoder = Encoder::from_encoding(&tokens.metadata.encoding, &folder("bert")).unwrap();
    let found = inspect(&examples(&sequences), &tokens, &Decoder::new(&encoder));
    assert_eq!((found.examples, found.bases, found.dna_tokens), (3, 15, 6));
    assert_eq!(
        (found.bases_per_token, found.unknown_share),
        (Some(2.5), Some(1.0 / 6.0))
    );
    assert_eq!((found.truncated, found.lengths), (1, vec![(4, 3)]));
    assert_eq!((found.unknown, found.vocabulary, found.used), (1, 69, 4));
    assert_eq!(found.letters, [(1, 3), (3, 3)]);
    let first = |uses: &[lingo_tokenize::TokenUse]| (uses[0].token.clone(), uses[0].count);
    assert_eq!(first(&found.longest), ("ACG".to_string(), 3));
    assert_eq!(first(&found.most_frequent), ("ACG".to_string(), 3));
}

#[test]
fn a_stored_encoding_that_contradicts_itself_is_refused() {
    let good = run(
        "bert",
        &config("base", VocabularyMap::Reuse),
        &[("AC", None)],
    )
    .unwrap();
    let t = |change: &dyn Fn(&mut lingo_artifact::vocabulary::Encoding), expected: &str| {
        let mut e = good.metadata.encoding.clone();
        change(&mut e);
        let message = Encoder::from_encoding(&e, &folder("bert"))
            .err()
            .unwrap()
            .to_string();
        assert!(message.contains(expected), "{message}");
    };
    t(&|e| e.tokens.truncate(3), "not those of scheme `base`");
    t(
        &|e| e.scheme = "kmer:2:2".into(),
        "not those of scheme `kmer:2:2`",
    );
    t(&|e| e.scheme = "codons".into(), "scheme `codons`");
    t(
        &|e| e.tokens[1].1 = ROWS,
        "it uses id 2104, but model and new rows together have 2104 rows",
    );
    t(&|e| e.before[0] = u32::MAX, "id 4294967295");
    let new = |v: u32| {
        Some(lingo_artifact::vocabulary::NewRows {
            trained: 1,
            composition: vec![vec![v]],
            like_rows_from: None,
        })
    };
    t(&|e| e.new_rows = new(1), "beyond the 1 that there are");
    t(
        &|e| {
            e.scheme = "model".into();
            e.tokenizer = None;
        },
        "another tokenizer.json",
    );
}

#[test]
fn what_a_reader_should_know_is_said() {
    #[derive(Default)]
    struct Lines(std::sync::Mutex<Vec<String>>);
    impl lingo_artifact::progress::Progress for Lines {
        fn begin(&self, _: &str, _: u64) {}
        fn advance(&self, _: u64, _: &str) {}
        fn end(&self, _: &str) {}
        fn say(&self, line: &str) {
            self.0.lock().unwrap().push(line.to_string());
        }
    }
    fn t(config: &TokenizeConfig, expected: &[&str]) {
        let lines = Lines::default();
        let examples = examples(&[("ACACGT", None), ("AC", None)]);
        encode(&examples, &model("bert"), config, &keys(), &lines).unwrap();
        assert_eq!(*lines.0.lock().unwrap(), expected);
    }
    t(&config("base", VocabularyMap::Reuse), &[]);
    let mut cut = config("base", VocabularyMap::Reuse);
    cut.truncate = true;
    cut.max_length = NonZeroU32::new(5);
    t(
        &cut,
        &["1 of 2 sequences lost DNA at their ends: more than 5 tokens"],
    );
    t(
        &config("kmer:3:1", VocabularyMap::Reuse),
        &["1 of 2 sequences have no token at all: they are shorter than a k-mer, or empty"],
    );
    t(
        &config("bpe:64", VocabularyMap::Reuse),
        &[
            "byte-pair encoding: the training split gave 14 of 64 tokens, then nothing was left to merge",
        ],
    );
}

#[test]
fn a_model_folder_that_is_not_whole_is_refused_by_name() {
    fn t(change: impl Fn(&Path), expected: &[&str]) {
        let copy = tempfile::tempdir().unwrap();
        for file in ["config.json", "tokenizer.json"] {
            std::fs::copy(folder("bert").join(file), copy.path().join(file)).unwrap();
        }
        change(copy.path());
        let message = ModelVocabulary::load(copy.path())
            .err()
            .unwrap()
            .to_string();
        for part in expected {
            assert!(message.contains(part), "{message}");
        }
    }
    let write = |name: &'static str, text: &'static str| {
        move |f: &Path| std::fs::write(f.join(name), text).unwrap()
    };
    t(
        |f| std::fs::remove_file(f.join("tokenizer.json")).unwrap(),
        &["tokenizer.json"],
    );
    t(
        |f| std::fs::remove_file(f.join("config.json")).unwrap(),
        &["config.json"],
    );
    t(
        write("tokenizer.json", "{\"model\":{}}"),
        &["tokenizer.json", "cannot be used as a tokenizer.json"],
    );
    t(write("config.json", "{"), &["config.json"]);
    t(
        write("config.json", "{}"),
        &["config.json", "`vocab_size` is missing"],
    );
    t(
        write("config.json", "{\"vocab_size\":-1}"),
        &["`vocab_size` is -1"],
    );
}

#[test]
fn a_tokenizer_that_is_larger_than_its_model_is_refused() {
    let copy = tempfile::tempdir().unwrap();
    std::fs::copy(
        folder("bert").join("tokenizer.json"),
        copy.path().join("tokenizer.json"),
    )
    .unwrap();
    std::fs::write(copy.path().join("config.json"), "{\"vocab_size\": 30}").unwrap();
    let small = ModelVocabulary::load(copy.path()).unwrap();
    let letters = Encoder::new(&small, &config("base", VocabularyMap::Reuse), &keys(), None);
    assert!(
        letters
            .err()
            .unwrap()
            .to_string()
            .contains("no token for a, c, g, t")
    );
    let text = Encoder::new(
        &small,
        &config("model", VocabularyMap::Reuse),
        &keys(),
        None,
    )
    .unwrap();
    let message = text.encode_pair("acgt", None).unwrap_err().to_string();
    assert!(
        message.contains("outside the model's vocabulary of 30 rows"),
        "{message}"
    );
}

fn any_config() -> impl Strategy<Value = (&'static str, TokenizeConfig)> {
    let scheme = prop_oneof![
        Just("base"),
        Just("kmer:1:1"),
        Just("kmer:2:2"),
        Just("kmer:3:3"),
        Just("kmer:3:1"),
        Just("bpe:40"),
        Just("model"),
    ];
    let map = prop_oneof![
        Just(VocabularyMap::Reuse),
        Just(VocabularyMap::Extend),
        Just(VocabularyMap::Compose)
    ];
    let prefix = prop_oneof![
        Just(None),
        Just(Some("Task: {task}. {sequence} Answer:".to_string()))
    ];
    let length = prop_oneof![Just(None), (30u32..60).prop_map(NonZeroU32::new)];
    (
        prop_oneof![Just("bert"), Just("opt")],
        scheme,
        map,
        prefix,
        length,
    )
        .prop_filter("bpe is not composed", |(_, s, m, ..)| {
            !(s.starts_with("bpe") && *m == VocabularyMap::Compose)
        })
        .prop_map(|(name, scheme, map, prefix, max_length)| {
            let map = if scheme == "model" {
                VocabularyMap::Reuse
            } else {
                map
            };
            let mut config = config(scheme, map);
            config.prefix = prefix;
            config.max_length = max_length;
            config.truncate = true;
            config.reuse_from = if name == "opt" { 270 } else { 2000 };
            config.max_unknown = Some(1.0.try_into().unwrap());
            (name, config)
        })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn what_always_holds(
        (name, config) in any_config(),
        sequences in prop::collection::vec(("[ACGTNacgtu]{0,80}", prop::option::of("[ACGTN]{0,80}")), 1..8),
    ) {
        let mut borrowed: Vec<(&str, Option<&str>)> =
            sequences.iter().map(|(a, b)| (a.as_str(), b.as_deref())).collect();
        // So that the training split always has something to merge.
        borrowed.insert(0, ("ACGTACGTTTACG", None));
        let tokens = run(name, &config, &borrowed).unwrap();
        let e = &tokens.metadata.encoding;

        let new = e.new_rows.as_ref().map_or(0, |n| n.composition.len() as u32);
        let again = Encoder::from_encoding(e, &folder(name)).unwrap();
        let decoder = Decoder::new(&again);
        let mut truncated = 0;
        for (row, (a, b)) in tokens.rows.iter().zip(&borrowed) {
            prop_assert!(row.input_ids.iter().all(|id| *id < e.model_vocab_size + new));
            prop_assert!(row.input_ids.len() <= e.max_length as usize);
            // Neither the prefix nor what follows is ever cut.
            prop_assert!(row.input_ids.starts_with(&e.before));
            prop_assert!(row.input_ids.ends_with(&e.after));
            let encoded = again.encode_pair(a, *b).unwrap();
            truncated += u64::from(encoded.truncated());
            prop_assert_eq!(&encoded.ids, &row.input_ids);
            // Overlapping k-mers give nothing back of what is shorter than k, and no word tokenizer its spaces.
            let whole = !encoded.truncated() && config.scheme != Scheme::Model;
            let in_alphabet = |s: &str| s.len() >= 3 && s.bytes().all(|b| b"ACGT".contains(&b));
            let apart = b.is_none() || !e.between.is_empty();
            if whole && apart && in_alphabet(a) && b.is_none_or(in_alphabet) {
                let decoded = decoder.sequences(&row.input_ids).unwrap();
                prop_assert_eq!(decoded, (a.to_string(), b.map(String::from)), "{:?}", config);
            }
        }
        if let Some(rows) = &e.new_rows {
            prop_assert!(rows.composition.iter().flatten().all(|v| *v < rows.trained));
        }
        if config.max_length.is_some() {
            prop_assert_eq!(truncated, tokens.metadata.truncated.iter().sum::<u64>());
        }
        // One thread gives what many give.
        let pool = rayon::ThreadPoolBuilder::new().num_threads(1).build().unwrap();
        prop_assert_eq!(pool.install(|| run(name, &config, &borrowed)).unwrap(), tokens);
    }
}
