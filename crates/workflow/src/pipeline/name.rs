//! Names of tasks and methods become folders.

/// The pattern of names that become folders.
pub const NAME_PATTERN: &str = "^[A-Za-z0-9_][A-Za-z0-9_.-]*$";

/// How many characters a name may have.
pub const LONGEST_NAME: usize = 100;

/// Why a name cannot be that of a folder.
pub fn bad_name(name: &str) -> Option<&'static str> {
    let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '.' | '-');
    if name.is_empty() {
        Some("is empty")
    } else if !name.chars().all(allowed) {
        Some("has a character that cannot stand in a name")
    } else if name.starts_with('.') {
        Some("begins with a dot")
    } else if name.starts_with('-') {
        Some("begins with a dash")
    } else if name.len() > LONGEST_NAME {
        Some("is longer than 100 characters")
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_those_of_folders() {
        for good in ["H3", "prom_core_tata", "tf_4", "a.b-c", "1"] {
            assert_eq!(bad_name(good), None, "{good}");
        }
        for bad in [
            "",
            ".",
            "..",
            "a/b",
            "a b",
            "é",
            "-x",
            ".hidden",
            &"x".repeat(101),
        ] {
            assert!(bad_name(bad).is_some(), "{bad}");
        }
    }
}
