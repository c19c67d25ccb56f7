//! `${VAR}` and `${VAR:-default}` in the text values of a document; `$${` stands for a bare `${`.

use super::fault::{Fault, Path, Step};
use super::node::Node;

/// Expands every text value below `node` through `lookup`.
///
/// A value that is one variable and nothing else takes the type that its content has in YAML
/// (`epochs: ${EPOCHS:-3}` is a number).
///
/// # Errors
/// One fault for each variable that is not set and has no default, and for each `${` without its `}`.
pub fn expand(node: &mut Node, lookup: &dyn Fn(&str) -> Option<String>) -> Result<(), Vec<Fault>> {
    let mut faults = Vec::new();
    walk(node, &mut Vec::new(), lookup, &mut faults);
    if faults.is_empty() {
        Ok(())
    } else {
        Err(faults)
    }
}

fn walk(
    node: &mut Node,
    path: &mut Path,
    lookup: &dyn Fn(&str) -> Option<String>,
    faults: &mut Vec<Fault>,
) {
    match node {
        Node::Text(text) if text.contains("${") => match expand_text(text, lookup) {
            Ok((expanded, whole)) => {
                *node = match Node::parse(&expanded) {
                    Ok(
                        typed @ (Node::Bool(_)
                        | Node::Whole(_)
                        | Node::Negative(_)
                        | Node::Float(_)),
                    ) if whole => typed,
                    _ => Node::Text(expanded),
                }
            }
            Err((message, help)) => {
                faults.push(Fault::new(path.clone(), message).help(help));
            }
        },
        Node::List(items) => {
            for (i, item) in items.iter_mut().enumerate() {
                path.push(Step::Item(i));
                walk(item, path, lookup, faults);
                path.pop();
            }
        }
        Node::Map(entries) => {
            for (key, value) in entries {
                path.push(Step::Key(key.clone()));
                walk(value, path, lookup, faults);
                path.pop();
            }
        }
        _ => {}
    }
}

/// The expanded text, and whether it was one variable and nothing else.
fn expand_text(
    text: &str,
    lookup: &dyn Fn(&str) -> Option<String>,
) -> Result<(String, bool), (String, String)> {
    let mut out = String::new();
    let mut rest = text;
    let mut whole = false;
    while let Some(at) = rest.find("${") {
        if rest[..at].ends_with('$') {
            out.push_str(&rest[..at]);
            out.push('{');
            rest = &rest[at + 2..];
            continue;
        }
        let Some(end) = closing(&rest[at + 1..]).map(|e| at + 1 + e) else {
            return Err((
                "`${` without its `}`".to_string(),
                "write `${NAME}`, `${NAME:-default}`, or `$${` for a bare `${`".to_string(),
            ));
        };
        out.push_str(&rest[..at]);
        let inside = &rest[at + 2..end];
        let (name, default) = match inside.split_once(":-") {
            Some((name, default)) => (name, Some(default)),
            None => (inside, None),
        };
        let named = |c: char| c.is_ascii_alphanumeric() || c == '_';
        if name.is_empty() || !name.chars().all(named) {
            return Err((
                format!("`{name}` is no name of a variable"),
                "letters, digits and `_` make a name: `${DATA}`, `${DATA:-../data}`".to_string(),
            ));
        }
        match (lookup(name).filter(|value| !value.is_empty()), default) {
            (Some(value), _) => out.push_str(&value),
            // A default may hold variables itself: `${GUE:-${HOME}/GUE}`.
            (None, Some(default)) => out.push_str(&expand_text(default, lookup)?.0),
            (None, None) => {
                return Err((
                    format!("the variable `{name}` is not set"),
                    format!("set it (`export {name}=...`), or give a default: `${{{name}:-...}}`"),
                ));
            }
        }
        whole = at == 0 && end + 1 == text.len();
        rest = &rest[end + 1..];
    }
    out.push_str(rest);
    Ok((out, whole))
}

/// Where the brace that `text` begins with is closed, braces in between passed over.
fn closing(text: &str) -> Option<usize> {
    let mut depth = 0usize;
    text.char_indices().find_map(|(i, c)| {
        match c {
            '{' => depth += 1,
            '}' => depth = depth.saturating_sub(1),
            _ => {}
        }
        (c == '}' && depth == 0).then_some(i)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lookup(name: &str) -> Option<String> {
        match name {
            "DATA" => Some("/data".into()),
            "N" => Some("3".into()),
            "EMPTY" => Some(String::new()),
            _ => None,
        }
    }

    #[test]
    fn variables_are_expanded() {
        fn t(text: &str, want: Node) {
            let mut node = Node::Text(text.into());
            expand(&mut node, &lookup).unwrap();
            assert_eq!(node, want, "{text}");
        }
        let s = |s: &str| Node::Text(s.into());
        t("${DATA}/g.fa", s("/data/g.fa"));
        t("a/${DATA}${N}", s("a//data3"));
        t("${GUE:-../data/GUE}/x", s("../data/GUE/x"));
        t("${EMPTY:-x}", s("x"));
        t("${N}", Node::Whole(3));
        t("${M:-0.5}", Node::Float(0.5));
        t("${N}0", s("30"));
        t("$${N}", s("${N}"));
        t("${M:-${DATA}/GUE}/x", s("/data/GUE/x"));
        t("${M:-${X:-${N}}}", Node::Whole(3));
        t("${M:-{sequence}} a", s("{sequence} a"));
        t("${DATA:-{sequence}}", s("/data"));
        t("{sequence}", s("{sequence}"));
    }

    #[test]
    fn all_unset_variables_are_told_at_once() {
        let mut node = Node::parse("a: ${X}\nb: [ok, '${Y}/z', '${DATA']").unwrap();
        let faults = expand(&mut node, &lookup).unwrap_err();
        let told: Vec<String> = faults.iter().map(ToString::to_string).collect();
        assert_eq!(
            told,
            [
                "a: the variable `X` is not set",
                "b[1]: the variable `Y` is not set",
                "b[2]: `${` without its `}`"
            ]
        );
    }
}
