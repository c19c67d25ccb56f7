//! A Rust file as far as its imports go: without comments, literals and tests, and the paths that it names.

/// A path as written, its segments in order: `crate::rows::row::Row` is `["crate", "rows", "row", "Row"]`.
pub type Path = Vec<String>;

/// Every path that `text` names outside its tests: those of `use` trees, and those that stand in the code.
pub fn paths(text: &str) -> Vec<Path> {
    let words = without_tests(words(&without_literals(text)));
    let mut paths = Vec::new();
    let mut at = 0;
    while at < words.len() {
        // `use<'a>` of a return type captures lifetimes and imports nothing.
        if words[at] == "use" && words.get(at + 1).is_some_and(|word| word != "<") {
            at = use_tree(&words, at + 1, &[], &mut paths);
        } else if is_name(&words[at]) && (at == 0 || words[at - 1] != "::") {
            let mut path = vec![words[at].clone()];
            while at + 2 < words.len() && words[at + 1] == "::" && is_name(&words[at + 2]) {
                path.push(words[at + 2].clone());
                at += 2;
            }
            if path.len() > 1 {
                paths.push(path);
            }
            at += 1;
        } else {
            at += 1;
        }
    }
    paths
}

/// Reads one `use` tree that begins at `at`, below `prefix`; returns where it ends.
fn use_tree(words: &[String], mut at: usize, prefix: &[String], paths: &mut Vec<Path>) -> usize {
    let mut path = prefix.to_vec();
    while let Some(word) = words.get(at) {
        match word.as_str() {
            "::" => at += 1,
            "{" => {
                at += 1;
                loop {
                    at = use_tree(words, at, &path, paths);
                    match words.get(at).map(String::as_str) {
                        Some(",") => at += 1,
                        Some("}") => return at + 1,
                        _ => return at,
                    }
                }
            }
            "as" => at += 2,
            "," | ";" | "}" => break,
            _ => {
                if word != "self" || path.is_empty() {
                    path.push(word.clone());
                }
                at += 1;
            }
        }
    }
    // Nothing stands behind a tree's last comma.
    if path.len() > prefix.len() || words.get(at).is_none_or(|word| word != "}") {
        paths.push(path);
    }
    at
}

fn is_name(word: &str) -> bool {
    word.starts_with(|first: char| first.is_alphabetic() || first == '_')
}

/// `text` with comments dropped and literals emptied, so that no brace or quote of theirs counts.
fn without_literals(text: &str) -> String {
    let letters: Vec<char> = text.chars().collect();
    let mut kept = String::with_capacity(text.len());
    let mut at = 0;
    let letter = |at: usize| letters.get(at).copied().unwrap_or('\0');
    while at < letters.len() {
        let behind_name = continues_name(&letters[..at]);
        match letter(at) {
            '/' if letter(at + 1) == '/' => {
                while at < letters.len() && letter(at) != '\n' {
                    at += 1;
                }
            }
            '/' if letter(at + 1) == '*' => {
                let mut depth = 0;
                loop {
                    match (letter(at), letter(at + 1)) {
                        ('/', '*') => (depth, at) = (depth + 1, at + 2),
                        ('*', '/') => (depth, at) = (depth - 1, at + 2),
                        _ => at += 1,
                    }
                    if depth == 0 || at >= letters.len() {
                        break;
                    }
                }
            }
            'r' if !behind_name && raw_string(&letters[at + 1..]).is_some() => {
                at += 1 + raw_string(&letters[at + 1..]).unwrap_or(0);
                kept.push_str("\"\"");
            }
            '"' => {
                at += 1;
                while at < letters.len() && letter(at) != '"' {
                    at += if letter(at) == '\\' { 2 } else { 1 };
                }
                at += 1;
                kept.push_str("\"\"");
            }
            // A character, not a lifetime: a quote closes it, one letter or one escape on.
            '\'' if letter(at + 1) == '\\' || letter(at + 2) == '\'' => {
                at += if letter(at + 1) == '\\' { 3 } else { 2 };
                while at < letters.len() && letter(at) != '\'' {
                    at += 1;
                }
                at += 1;
            }
            other => {
                kept.push(other);
                at += 1;
            }
        }
    }
    kept
}

/// Whether what follows `before` is part of a name; the `b` of `br"…"` is none.
fn continues_name(before: &[char]) -> bool {
    let is_part = |letter: &char| letter.is_alphanumeric() || *letter == '_';
    let before = before
        .strip_suffix(&['b'])
        .filter(|rest| !rest.last().is_some_and(is_part))
        .unwrap_or(before);
    before.last().is_some_and(is_part)
}

/// How many letters of `behind` belong to a raw string whose `r` stands before it.
fn raw_string(behind: &[char]) -> Option<usize> {
    let hashes = behind.iter().take_while(|letter| **letter == '#').count();
    if behind.get(hashes) != Some(&'"') {
        return None;
    }
    let mut at = hashes + 1;
    while at < behind.len() {
        if behind[at] == '"'
            && behind[at + 1..]
                .iter()
                .take(hashes)
                .filter(|letter| **letter == '#')
                .count()
                == hashes
        {
            return Some(at + 1 + hashes);
        }
        at += 1;
    }
    Some(behind.len())
}

/// Names and signs, `::` as one sign.
fn words(text: &str) -> Vec<String> {
    let mut words = Vec::new();
    let mut letters = text.chars().peekable();
    while let Some(letter) = letters.next() {
        if letter.is_alphanumeric() || letter == '_' {
            let mut word = String::from(letter);
            while let Some(next) = letters.next_if(|next| next.is_alphanumeric() || *next == '_') {
                word.push(next);
            }
            words.push(word);
        } else if letter == ':' && letters.next_if_eq(&':').is_some() {
            words.push("::".into());
        } else if !letter.is_whitespace() {
            words.push(letter.into());
        }
    }
    words
}

/// `words` without every item under `#[cfg(test)]`: tests may look where they like.
fn without_tests(words: Vec<String>) -> Vec<String> {
    const MARK: [&str; 7] = ["#", "[", "cfg", "(", "test", ")", "]"];
    let mut kept = Vec::with_capacity(words.len());
    let mut at = 0;
    while at < words.len() {
        if words[at..].iter().take(MARK.len()).eq(MARK.iter()) {
            at = item_end(&words, at + MARK.len());
        } else {
            kept.push(words[at].clone());
            at += 1;
        }
    }
    kept
}

/// Where the item that begins at `at` ends: behind its `;` or its closing brace.
fn item_end(words: &[String], mut at: usize) -> usize {
    let is_use = words[at..].iter().take(2).any(|word| word == "use");
    let mut depth = 0_i32;
    while let Some(word) = words.get(at) {
        at += 1;
        match word.as_str() {
            "{" | "(" | "[" => depth += 1,
            ")" | "]" => depth -= 1,
            "}" => {
                depth -= 1;
                if depth == 0 && !is_use {
                    break;
                }
            }
            ";" if depth == 0 => break,
            _ => {}
        }
    }
    at
}

#[cfg(test)]
mod tests {
    use super::paths;

    fn read(text: &str) -> Vec<String> {
        paths(text).iter().map(|path| path.join("::")).collect()
    }

    #[test]
    fn trees_and_paths_in_code_are_read_and_literals_and_tests_are_not() {
        assert_eq!(
            read(
                "pub use crate::rows::{self, row::Row as R, labels::*};\nfn f() { super::g::<u8>(\"crate::no\") }"
            ),
            [
                "crate::rows",
                "crate::rows::row::Row",
                "crate::rows::labels::*",
                "super::g"
            ]
        );
        assert_eq!(
            read(
                "use crate::{a, b::{c, d},\n};\nfn f<'a>() -> impl Iterator + use<'a> { br#\"\"crate::no\"#; crate::e::f }"
            ),
            ["crate::a", "crate::b::c", "crate::b::d", "crate::e::f"]
        );
        assert_eq!(
            read(
                "// crate::no\n/* a /* b */ crate::no */ let c = '\"'; let l: &'a str = r#\"crate::\"no\"#; crate::yes::it"
            ),
            ["crate::yes::it"]
        );
        assert_eq!(
            read(
                "#[cfg(test)]\nmod tests { use crate::no; fn f() { { } } }\n#[cfg(test)]\nuse crate::{no, never};\nuse crate::yes;"
            ),
            ["crate::yes"]
        );
    }
}
