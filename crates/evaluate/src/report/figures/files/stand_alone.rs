//! A drawing of the page as a file: what the page's style sheet says of it becomes attributes of its elements, with the colours of a
//! light page, since few programs that take drawings read style sheets.

use std::fmt::Write as _;

use crate::report::figures::style::{STYLE, colour, dashes, marker};
use crate::report::html::escape;

/// The height of a row of the key.
const ROW: f64 = 22.0;

/// The `<svg>` of a page as a file, with the key to its methods below it.
pub fn stand_alone(svg: &str, key: &[(usize, String)]) -> String {
    let body = svg
        .split_once('>')
        .map_or("", |(_, rest)| rest.strip_suffix("</svg>").unwrap_or(rest));
    let [width, height] = size(svg);
    let whole = match key.len() {
        0 => height,
        n => height + 8.0 + ROW * n as f64,
    };
    let mut out = format!(
        "<svg viewBox=\"0 0 {width} {whole}\" width=\"{width}\" height=\"{whole}\" font-family=\"Helvetica, Arial, sans-serif\"><rect width=\"{width}\" height=\"{whole}\" fill=\"#ffffff\"/>{body}"
    );
    for (row, (style, name)) in key.iter().enumerate() {
        let y = height + 8.0 + ROW * (row as f64 + 0.5);
        let _ = write!(
            out,
            "<path class=\"l {}\"{} d=\"M12 {y:.1}h38\"/>{}<text class=\"t name\" x=\"60\" y=\"{:.1}\">{}</text>",
            colour(*style),
            dashes(*style),
            marker(*style, 31.0, y),
            y + 4.5,
            escape(name)
        );
    }
    out.push_str("</svg>\n");
    let out = with_styles(&out);
    // A name space may not stand in the page, which names no address.
    let out = out.replacen("<svg ", "<svg xmlns=\"http://www.w3.org/2000/svg\" ", 1);
    format!("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n{out}")
}

/// Width and height of the view box.
fn size(svg: &str) -> [f64; 2] {
    let of_box = svg
        .split_once("viewBox=\"")
        .and_then(|(_, rest)| rest.split_once('"'))
        .map_or("", |(numbers, _)| numbers);
    let mut numbers = of_box.split(' ').skip(2).filter_map(|n| n.parse().ok());
    [(); 2].map(|()| numbers.next().unwrap_or(0.0))
}

/// Every `class` as the `style` that it stands for.
fn with_styles(svg: &str) -> String {
    let rules = rules();
    let mut out = String::with_capacity(2 * svg.len());
    let mut rest = svg;
    // Quotes within a text are escaped, so that this is an attribute.
    while let Some((before, behind)) = rest.split_once(" class=\"") {
        let (classes, behind) = behind.split_once('"').unwrap_or((behind, ""));
        let classes: Vec<&str> = classes.split(' ').collect();
        let told: String = rules
            .iter()
            .filter(|(selector, _)| selector.iter().all(|class| classes.contains(class)))
            .map(|(_, declarations)| declarations.as_str())
            .collect();
        let _ = write!(out, "{before} style=\"{told}\"");
        rest = behind;
    }
    out.push_str(rest);
    out
}

/// The classes of each rule and its declarations, colours by their values, later ones above earlier ones.
fn rules() -> Vec<(Vec<&'static str>, String)> {
    let (palette, rules) = STYLE.split_once('}').unwrap_or(("", ""));
    let palette: Vec<(&str, &str)> = palette
        .split_once('{')
        .map_or("", |(_, colours)| colours)
        .split(';')
        .filter_map(|pair| pair.trim().split_once(':'))
        // Paper is white.
        .map(|(name, value)| (name, if name == "--bg" { "#ffffff" } else { value }))
        .collect();
    let mut found = Vec::new();
    for rule in rules.split('}') {
        let Some((selector, declarations)) = rule.split_once('{') else {
            continue;
        };
        let Some(classes) = selector.trim().strip_prefix('.') else {
            continue;
        };
        let mut declarations = format!("{};", declarations.trim_end_matches(';'));
        for (name, value) in &palette {
            declarations = declarations.replace(&format!("var({name})"), value);
        }
        found.push((classes.split('.').collect(), declarations));
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn classes_become_the_colours_of_a_light_page() {
        let svg = "<svg viewBox=\"0 0 10 20\" role=\"img\"><title>a &quot; class=&quot;</title><path class=\"m c1\" d=\"M0 0\"/><rect class=\"heat c0\"/></svg>";
        let file = stand_alone(svg, &[(7, "a < b".to_string())]);
        assert!(file.starts_with("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 10 50\" width=\"10\" height=\"50\""), "{file}");
        assert!(
            file.contains(
                "<path style=\"fill:#ffffff;stroke-width:1.8;stroke:#b8410b;\" d=\"M0 0\"/>"
            ),
            "{file}"
        );
        assert!(
            file.contains("<rect style=\"stroke-width:0;stroke:#0b62a4;fill:#0b62a4;\"/>"),
            "{file}"
        );
        assert!(file.contains(">a &lt; b</text></svg>"), "{file}");
        assert!(
            !file.contains("var(") && !file.contains(" class=\""),
            "{file}"
        );
    }

    #[test]
    fn every_rule_of_the_sheet_is_understood() {
        for (classes, declarations) in rules() {
            for class in &classes {
                let plain = |c: char| c.is_ascii_alphanumeric() || c == '-';
                assert!(class.chars().all(plain), "{classes:?}");
            }
            assert!(!declarations.contains("var("), "{declarations}");
        }
    }
}
