//! Which modules of a model an adapter targets, by the rule of PEFT's `target_modules`.

use lingo_lm::Site;

use crate::error::Error;
use crate::settings::layers::LayerRange;

/// The sites, as indices, whose name is a target or ends with a point and a target.
///
/// # Errors
/// [`Error::Config`] for a target that matches nothing, or a layer that the model does not have.
pub(crate) fn matching(
    sites: &[Site],
    targets: &[impl AsRef<str>],
    layers: Option<&LayerRange>,
) -> Result<Vec<usize>, Error> {
    let blocks = sites
        .iter()
        .filter_map(|s| s.layer)
        .max()
        .map_or(0, |l| l + 1);
    check_layers(layers, blocks)?;
    let chosen = |site: &Site| layers.is_none_or(|l| site.layer.is_some_and(|i| l.contains(i)));
    for target in targets {
        if !sites
            .iter()
            .any(|s| chosen(s) && is_match(&s.name, target.as_ref()))
        {
            return Err(unknown(target.as_ref(), sites));
        }
    }
    let found: Vec<usize> = (0..sites.len())
        .filter(|&i| {
            chosen(&sites[i]) && targets.iter().any(|t| is_match(&sites[i].name, t.as_ref()))
        })
        .collect();
    if found.is_empty() {
        return Err(Error::Config(
            "no target modules are given; leave `targets` out to adapt those of the family's default".into(),
        ));
    }
    Ok(found)
}

/// Whether a model of so many blocks has those that are chosen.
///
/// # Errors
/// [`Error::Config`]: it has not.
pub(crate) fn check_layers(layers: Option<&LayerRange>, blocks: usize) -> Result<(), Error> {
    match layers.filter(|l| l.highest() >= blocks) {
        None => Ok(()),
        Some(layers) => Err(Error::Config(format!(
            "layers {layers}: the model has {blocks} blocks, 0 to {}",
            blocks.saturating_sub(1)
        ))),
    }
}

fn is_match(name: &str, target: &str) -> bool {
    name == target
        || name
            .strip_suffix(target)
            .is_some_and(|before| before.ends_with('.') && !target.is_empty())
}

fn unknown(target: &str, sites: &[Site]) -> Error {
    // `encoder.layer.3.attention.self.query` is known to users as `attention.self.query` and `query`.
    let mut names: Vec<&str> = Vec::new();
    for site in sites {
        let short = after_number(&site.name);
        if !names.contains(&short) {
            names.push(short);
        }
    }
    let parts = names
        .iter()
        .flat_map(|n| [*n, n.rsplit('.').next().unwrap_or(n)]);
    let near = parts
        .map(|candidate| (strsim::jaro_winkler(target, candidate), candidate))
        .max_by(|a, b| a.0.total_cmp(&b.0))
        .filter(|(similarity, _)| *similarity > 0.7)
        .map_or(".".to_owned(), |(_, name)| {
            format!("; did you mean `{name}`?")
        });
    Error::Config(format!(
        "the target `{target}` matches no module of the model{near} It has: {}",
        names.join(", ")
    ))
}

/// What follows the block's number in a module's name.
pub(crate) fn after_number(name: &str) -> &str {
    let mut rest = name;
    while let Some((part, after)) = rest.split_once('.') {
        if part.bytes().all(|b| b.is_ascii_digit()) {
            return after;
        }
        rest = after;
    }
    name
}

/// A block's name, of that of a module in it: what stands before the number, and this.
pub(crate) fn block_name(module: &str) -> Option<&str> {
    let rest = after_number(module);
    let end = module.len().checked_sub(rest.len() + 1)?;
    Some(&module[..end])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sites() -> Vec<Site> {
        let mut sites = Vec::new();
        for layer in 0..2 {
            for name in [
                "attention.self.query",
                "attention.self.key",
                "attention.self.value",
                "attention.output.dense",
                "intermediate.dense",
                "output.dense",
            ] {
                sites.push(Site {
                    name: format!("encoder.layer.{layer}.{name}"),
                    input: 4,
                    output: 4,
                    layer: Some(layer),
                });
            }
        }
        sites.push(Site {
            name: "pooler.dense".into(),
            input: 4,
            output: 4,
            layer: None,
        });
        sites
    }

    #[test]
    fn names_and_their_ends_match_as_in_peft() {
        fn t(targets: &[&str], layers: Option<&str>, expected: &[usize]) {
            let layers = layers.map(|l| l.parse::<LayerRange>().unwrap());
            let found = matching(&sites(), targets, layers.as_ref()).unwrap();
            assert_eq!(found, expected, "{targets:?}");
        }
        t(&["query"], None, &[0, 6]);
        t(&["query", "value"], Some("1"), &[6, 8]);
        t(&["output.dense"], None, &[3, 5, 9, 11]);
        t(&["dense"], None, &[3, 4, 5, 9, 10, 11, 12]);
        t(&["encoder.layer.0.output.dense"], None, &[5]);
        t(
            lingo_lm::Family::Bert.default_targets(),
            None,
            &[0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11],
        );
    }

    #[test]
    fn what_matches_nothing_is_named_with_what_there_is() {
        fn t(target: &str, parts: &[&str]) {
            let message = matching(&sites(), &[target], None).unwrap_err().to_string();
            for part in parts {
                assert!(message.contains(part), "{message}");
            }
        }
        t(
            "querry",
            &[
                "`querry`",
                "did you mean `query`?",
                "attention.output.dense",
            ],
        );
        t("uery", &["`uery` matches no module"]);
        t(
            "q_proj",
            &["It has: attention.self.query, attention.self.key"],
        );
        t("", &["matches no module"]);
        let layers: LayerRange = "0-2".parse().unwrap();
        let message = matching(&sites(), &["query"], Some(&layers))
            .unwrap_err()
            .to_string();
        assert!(message.contains("has 2 blocks"), "{message}");
    }
}
