//! What an example is labelled with.

use std::fmt;

use serde::{Deserialize, Serialize};

/// The label of one example.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Label {
    /// A class, as an index into the class names.
    Class(u32),
    /// One 0/1 for each class name.
    Multi(Vec<u8>),
    /// A measured value.
    Value(f32),
}

impl fmt::Display for Label {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        match self {
            Self::Class(class) => write!(f, "{class}"),
            Self::Multi(all) => {
                let all: Vec<String> = all.iter().map(ToString::to_string).collect();
                write!(f, "{}", all.join(" "))
            }
            Self::Value(value) => write!(f, "{value}"),
        }
    }
}

/// What all labels of a table are.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LabelKind {
    /// One of several classes; the names in order (numeric labels by value, others by name).
    Classes(Vec<String>),
    /// Several labels at once; the names in order.
    Multilabel(Vec<String>),
    /// A number.
    Regression,
}

impl fmt::Display for LabelKind {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        match self {
            Self::Classes(names) => write!(f, "{} classes ({})", names.len(), names.join(", ")),
            Self::Multilabel(names) => {
                write!(
                    f,
                    "0 or 1 for each of {} ({})",
                    names.len(),
                    names.join(", ")
                )
            }
            Self::Regression => f.write_str("a number"),
        }
    }
}

impl LabelKind {
    /// How many logits a head for this kind of label has.
    pub fn outputs(&self) -> usize {
        match self {
            Self::Classes(names) | Self::Multilabel(names) => names.len(),
            Self::Regression => 1,
        }
    }

    /// The names of the classes, none for regression.
    pub fn names(&self) -> &[String] {
        match self {
            Self::Classes(names) | Self::Multilabel(names) => names,
            Self::Regression => &[],
        }
    }

    /// True when `label` can stand in a table of this kind.
    pub fn admits(&self, label: &Label) -> bool {
        match (self, label) {
            (Self::Classes(names), Label::Class(c)) => (*c as usize) < names.len(),
            (Self::Multilabel(names), Label::Multi(m)) => {
                m.len() == names.len() && m.iter().all(|b| *b <= 1)
            }
            (Self::Regression, Label::Value(v)) => v.is_finite(),
            _ => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_say_labels_as_tables_do() {
        for (label, text) in [
            (Label::Class(7), "7"),
            (Label::Multi(vec![0, 1]), "0 1"),
            (Label::Value(0.5), "0.5"),
        ] {
            assert_eq!(label.to_string(), text);
        }
        for (kind, text) in [
            (
                LabelKind::Classes(vec!["low".into(), "high".into()]),
                "2 classes (low, high)",
            ),
            (
                LabelKind::Multilabel(vec!["a".into()]),
                "0 or 1 for each of 1 (a)",
            ),
            (LabelKind::Regression, "a number"),
        ] {
            assert_eq!(kind.to_string(), text);
        }
    }
}
