//! A logo of one window: each base as high as what its changes do, as SVG.

use std::fmt::Write as _;

use lingo_evaluate::report::figures::letters::outline;

/// A base, and the mean of what its changes do to the value, with the sign of what the base itself does for it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Letter {
    pub base: u8,
    /// Minus the mean difference: positive where changes lower the value.
    pub height: f64,
}

const WIDTH: f64 = 12.0;
const HALF: f64 = 80.0;
const LEFT: f64 = 60.0;
const TOP: f64 = 40.0;

/// The colours of the sequence-logo literature: A green, C blue, G orange, T red.
fn colour(base: u8) -> &'static str {
    match base {
        b'A' => "#109648",
        b'C' => "#255c99",
        b'G' => "#f7b32b",
        _ => "#d62839",
    }
}

/// The picture. `title` says what is shown.
pub fn svg(title: &str, letters: &[Letter]) -> String {
    let largest = letters.iter().map(|l| l.height.abs()).fold(0.0, f64::max);
    let scale = if largest > 0.0 { HALF / largest } else { 0.0 };
    let width = LEFT + WIDTH * letters.len() as f64 + 10.0;
    let (height, zero) = (TOP + 2.0 * HALF + 30.0, TOP + HALF);
    let mut out = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{width}\" height=\"{height}\" viewBox=\"0 0 {width} {height}\" font-family=\"sans-serif\" font-size=\"11\">\n"
    );
    let title = title
        .replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;");
    let _ = writeln!(out, "<title>{title}</title>");
    let _ = writeln!(out, "<text x=\"{LEFT}\" y=\"16\">{title}</text>");
    for (value, y) in [(largest, TOP), (0.0, zero), (-largest, TOP + 2.0 * HALF)] {
        let _ = writeln!(
            out,
            "<text x=\"{}\" y=\"{}\" text-anchor=\"end\">{value:.3}</text><path d=\"M{LEFT} {y}h-4\" stroke=\"#444\"/>",
            LEFT - 8.0,
            y + 4.0
        );
    }
    let _ = writeln!(
        out,
        "<path d=\"M{LEFT} {TOP}v{}M{LEFT} {zero}h{}\" stroke=\"#444\" fill=\"none\"/>",
        2.0 * HALF,
        WIDTH * letters.len() as f64
    );
    for (i, letter) in letters.iter().enumerate() {
        let x = LEFT + WIDTH * i as f64;
        let high = letter.height * scale;
        if high != 0.0 && !outline(letter.base).is_empty() {
            // The outlines stand on their foot; SVG counts downwards.
            let _ = writeln!(
                out,
                "<path d=\"{}\" fill=\"{}\" fill-rule=\"evenodd\" transform=\"translate({x} {zero}) scale({} {:.4})\"/>",
                outline(letter.base),
                colour(letter.base),
                WIDTH / 100.0,
                -high / 100.0
            );
        }
        if (i + 1) % 10 == 0 {
            let _ = writeln!(
                out,
                "<text x=\"{}\" y=\"{}\" text-anchor=\"middle\">{}</text>",
                x + WIDTH / 2.0,
                TOP + 2.0 * HALF + 18.0,
                i + 1
            );
        }
    }
    out.push_str("</svg>\n");
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_base_is_drawn_as_high_as_it_weighs() {
        let letters: Vec<Letter> = b"ACGTN"
            .iter()
            .zip([1.0, -0.5, 0.25, 0.0, 2.0])
            .map(|(base, height)| Letter {
                base: *base,
                height,
            })
            .collect();
        let text = svg("chr1:5-10 <on>", &letters);
        // A, C, G; T weighs nothing, N is no base; the axis and three ticks.
        assert_eq!(text.matches("<path").count(), 3 + 1 + 3, "{text}");
        assert!(text.contains("&lt;on&gt;"));
        assert!(text.contains("scale(0.12 -0.4000)"), "{text}");
        assert!(text.contains("scale(0.12 0.2000)"), "{text}");
    }
}
