//! The numbers behind a figure, as text with tabs.

/// A table with a header.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tsv {
    text: String,
}

impl Tsv {
    /// A table of these columns.
    pub fn new(columns: &[&str]) -> Self {
        let mut table = Self::default();
        table.row(&columns.iter().map(ToString::to_string).collect::<Vec<_>>());
        table
    }

    /// Adds a row. A tab or a line end within a value becomes a space.
    pub fn row(&mut self, values: &[String]) {
        let values: Vec<String> = values
            .iter()
            .map(|value| value.replace(|c: char| c.is_control(), " "))
            .collect();
        self.text.push_str(&values.join("\t"));
        self.text.push('\n');
    }

    /// The file's text.
    pub fn text(&self) -> &str {
        &self.text
    }
}

/// A number, or nothing where it is undefined.
pub fn number(value: Option<f64>) -> String {
    value
        .filter(|v| v.is_finite())
        .map_or(String::new(), |v| v.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_stays_in_its_column() {
        let mut table = Tsv::new(&["method", "mcc"]);
        table.row(&["a\tb\nc".into(), number(Some(0.25))]);
        table.row(&["d".into(), number(None)]);
        assert_eq!(table.text(), "method\tmcc\na b c\t0.25\nd\t\n");
    }
}
