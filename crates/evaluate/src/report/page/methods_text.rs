//! The paragraphs for an article: Markdown's bold, italics and code as HTML.

use crate::report::html::escape;
use crate::report::page::parts::folded;

/// What an article says of the run, folded; empty where nothing is known.
pub fn methods_text(markdown: &str) -> String {
    let paragraphs = markdown
        .split("\n\n")
        .map(str::trim)
        .filter(|paragraph| !paragraph.is_empty() && !paragraph.starts_with('#'));
    let html: Vec<String> = paragraphs
        .map(|p| format!("<p>{}</p>", inline(p)))
        .collect();
    if html.is_empty() {
        return String::new();
    }
    let text = html.join("\n");
    folded(
        false,
        "For an article: methods",
        &format!(
            "{text}<p class=\"note\">As Markdown in methods.md, what it cites in references.bib, beside this page.</p>"
        ),
    )
}

/// `**bold**`, `*italics*` and `` `code` ``; what is not closed stands as it is.
fn inline(text: &str) -> String {
    let mut out = String::new();
    let mut rest = text;
    while let Some(at) = rest.find(['*', '`']) {
        let (before, from) = rest.split_at(at);
        out += &escape(before);
        let marks = [("**", "b"), ("*", "em"), ("`", "code")];
        let found = marks.into_iter().find_map(|(mark, tag)| {
            let inside = from.strip_prefix(mark)?;
            let end = inside.find(mark).filter(|&end| end > 0)?;
            Some((tag, &inside[..end], &inside[end + mark.len()..]))
        });
        match found {
            Some(("code", inside, after)) => {
                out += &format!("<code>{}</code>", escape(inside));
                rest = after;
            }
            Some((tag, inside, after)) => {
                out += &format!("<{tag}>{}</{tag}>", inline(inside));
                rest = after;
            }
            None => {
                let mut characters = from.chars();
                out += &characters
                    .next()
                    .map_or_else(String::new, |c| escape(&c.to_string()));
                rest = characters.as_str();
            }
        }
    }
    out + &escape(rest)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn marks_become_elements_and_all_else_is_text() {
        let t = |markdown: &str, html: &str| assert_eq!(inline(markdown), html);
        t(
            "**Data.** Task *a* has `x<y`.",
            "<b>Data.</b> Task <em>a</em> has <code>x&lt;y</code>.",
        );
        t("2 * 3 and a lone ` mark", "2 * 3 and a lone ` mark");
        t("<script>", "&lt;script&gt;");
        t(
            "`a*b*c` **b *i* b**",
            "<code>a*b*c</code> <b>b <em>i</em> b</b>",
        );
        assert_eq!(methods_text("# Title\n\n"), "");
        assert!(methods_text("# T\n\none\n\ntwo\n").contains("<p>one</p>\n<p>two</p>"));
    }
}
