//! Which settings are tried: every combination, or draws.

use lingo_artifact::digest::Digest;
use lingo_artifact::random::Stream;

use crate::failure::{Error, Kind};
use crate::pipeline::tune_section::{Choices, MOST_TRIALS, Range, TuneSection};

/// One choice for each key of the space.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Trial {
    /// Values, in the order of the keys, as JSON (which is YAML).
    pub values: Vec<String>,
}

impl Trial {
    /// `--set` arguments.
    pub fn sets(&self, section: &TuneSection) -> Vec<String> {
        let keys = section.space.0.iter().map(|(key, _)| key);
        let each = keys.zip(&self.values);
        each.map(|(key, value)| format!("{key}={value}")).collect()
    }

    /// A name for its folder, from what it sets.
    pub fn name(&self, section: &TuneSection) -> String {
        Digest::of_bytes(self.sets(section).join("\n").as_bytes()).short()
    }
}

/// The trials of a search, each once.
///
/// # Errors
/// More combinations than anyone can mean to try.
pub(super) fn trials(section: &TuneSection) -> Result<Vec<Trial>, Error> {
    let lists: Option<Vec<Vec<String>>> = (section.space.0.iter())
        .map(|(_, choices)| match choices {
            Choices::List(values) => Some(values.iter().map(as_text).collect()),
            Choices::Range(_) => None,
        })
        .collect();
    let size = lists.as_ref().map(|lists| {
        let sizes = lists.iter().map(Vec::len);
        sizes.fold(1usize, usize::saturating_mul)
    });
    match (section.trials, lists, size) {
        (Some(wanted), _, None) => Ok(draws(section, wanted.get())),
        (Some(wanted), _, Some(size)) if wanted.get() < size => Ok(draws(section, wanted.get())),
        (_, Some(lists), Some(size)) if size <= MOST_TRIALS => Ok(grid(&lists)),
        (_, _, size) => Err(Error::stage(
            Kind::Usage,
            format!(
                "tune: the space has {} combinations: say how many `trials` are drawn from it",
                size.unwrap_or(usize::MAX)
            ),
        )),
    }
}

fn as_text(value: &crate::yaml::node::Node) -> String {
    serde_json::to_string(value).unwrap_or_else(|_| "null".into())
}

/// Every combination; the last key varies fastest.
fn grid(lists: &[Vec<String>]) -> Vec<Trial> {
    let mut all = vec![Vec::new()];
    for values in lists {
        all = (all.iter())
            .flat_map(|before| {
                values.iter().map(move |value| {
                    let with: Vec<String> = before.iter().chain([value]).cloned().collect();
                    with
                })
            })
            .collect();
    }
    all.into_iter().map(|values| Trial { values }).collect()
}

/// So many different draws, or as many as many times as many draws give.
fn draws(section: &TuneSection, wanted: usize) -> Vec<Trial> {
    let mut stream = Stream::new(section.seed, "trials of a search");
    let mut found: Vec<Trial> = Vec::new();
    for _ in 0..100 * wanted {
        let values = section.space.0.iter().map(|(_, choices)| match choices {
            Choices::List(values) => as_text(&values[stream.below(values.len())]),
            Choices::Range(range) => of_range(range, stream.uniform()),
        });
        let trial = Trial {
            values: values.collect(),
        };
        if !found.contains(&trial) {
            found.push(trial);
        }
        if found.len() == wanted {
            break;
        }
    }
    found
}

/// The number at a place between 0 and 1 of a range, to three digits, so that a reader can type it.
fn of_range(range: &Range, place: f64) -> String {
    if range.integer && !range.log {
        let count = range.high - range.low + 1.0;
        return format!("{}", (range.low + (place * count).floor()) as i64);
    }
    let (low, high) = match range.log {
        true => (range.low.ln(), range.high.ln()),
        false => (range.low, range.high),
    };
    let drawn = low + place * (high - low);
    let drawn = if range.log { drawn.exp() } else { drawn };
    if range.integer {
        return format!("{}", drawn.round() as i64);
    }
    let short: f64 = format!("{drawn:.2e}").parse().unwrap_or(drawn);
    format!("{}", short.clamp(range.low, range.high))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::yaml::deserialize::from_node;
    use crate::yaml::node::Node;

    fn section(text: &str) -> TuneSection {
        from_node(&Node::parse(text).unwrap()).unwrap()
    }

    #[test]
    fn lists_are_tried_in_every_combination_and_ranges_drawn() {
        let grid = section("space: { a.b: [1, x], c: [0.5, {k: 2}] }");
        let all = trials(&grid).unwrap();
        let sets: Vec<Vec<String>> = all.iter().map(|t| t.sets(&grid)).collect();
        assert_eq!(
            sets,
            [
                ["a.b=1", "c=0.5"],
                ["a.b=1", "c={\"k\":2}"],
                ["a.b=\"x\"", "c=0.5"],
                ["a.b=\"x\"", "c={\"k\":2}"]
            ]
        );
        let drawn = section(
            "{ space: { rate: { low: 1e-4, high: 1e-2, log: true }, rank: { low: 1, high: 8, integer: true } }, trials: 50 }",
        );
        let found = trials(&drawn).unwrap();
        assert_eq!(found.len(), 50);
        assert_eq!(
            found,
            trials(&drawn).unwrap(),
            "the same seed draws the same"
        );
        let rates: Vec<f64> = found.iter().map(|t| t.values[0].parse().unwrap()).collect();
        assert!(rates.iter().all(|r| (1e-4..=1e-2).contains(r)));
        let small = rates.iter().filter(|r| **r < 1e-3).count();
        assert!(
            (15..=35).contains(&small),
            "{small} of 50 below the middle of the logarithms"
        );
        assert!(
            found
                .iter()
                .all(|t| (1..=8).contains(&t.values[1].parse::<i64>().unwrap()))
        );
        let few = section("{ space: { a: [1, 2, 3] }, trials: 2 }");
        assert_eq!(trials(&few).unwrap().len(), 2);
        let more = section("{ space: { a: [1, 2, 3] }, trials: 9 }");
        assert_eq!(trials(&more).unwrap().len(), 3);
    }

    #[test]
    fn what_cannot_be_searched_is_said() {
        let t = |text: &str, key: &str| {
            assert_eq!(
                section(text).contradiction().map(|(at, _)| at),
                Some(key),
                "{text}"
            );
        };
        t("space: { a: [] }", "space");
        t("space: { a: { low: 2, high: 1 } }", "space");
        t(
            "{ space: { a: { low: 0, high: 1, log: true } }, trials: 3 }",
            "space",
        );
        t("space: { a: { low: 1, high: 2 } }", "space");
        t("{ space: { a: [1] }, rungs: [0.5] }", "rungs");
        t("{ space: { a: [1] }, rungs: [1, 0.5] }", "rungs");
        assert_eq!(section("space: { a: [1, 2] }").contradiction(), None);
    }
}
