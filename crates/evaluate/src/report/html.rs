//! Text and numbers as HTML. Everything that comes from outside goes through [`escape`].

/// Text that stays text inside elements and double-quoted attributes.
pub fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            // Control characters are no HTML; a tab or line end is.
            c if c.is_control() && !matches!(c, '\n' | '\t') => out.push('\u{fffd}'),
            c => out.push(c),
        }
    }
    out
}

/// A number with a fixed count of decimals and a real minus sign.
pub fn fixed(value: f64, decimals: usize) -> String {
    let text = format!("{value:.decimals$}");
    match text.strip_prefix('-') {
        // Minus zero is zero.
        Some(digits) if digits.chars().all(|c| matches!(c, '0' | '.')) => digits.to_string(),
        Some(digits) => format!("\u{2212}{digits}"),
        None => text,
    }
}

/// As [`fixed`], with a plus sign before what is more than 0.
pub fn signed(value: f64, decimals: usize) -> String {
    let text = fixed(value, decimals);
    let zero = text.chars().all(|c| matches!(c, '0' | '.'));
    if value > 0.0 && !zero {
        format!("+{text}")
    } else {
        text
    }
}

/// A p-value: three decimals, and no zero.
pub fn probability(p: f64) -> String {
    if p < 0.001 {
        "&lt; 0.001".to_string()
    } else {
        fixed(p, 3)
    }
}

/// A whole number with commas.
pub fn count(value: u64) -> String {
    let digits = value.to_string();
    let mut out = String::new();
    for (i, c) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            out.push(',');
        }
        out.push(c);
    }
    out
}

/// A share of 0 to 1 in percent: two decimals, or two digits where that would show nothing.
pub fn percent(share: f64) -> String {
    let percent = 100.0 * share;
    let decimals = if percent > 0.0 && percent < 0.1 {
        (1.0 - percent.log10().floor()).min(9.0) as usize
    } else {
        2
    };
    format!("{} %", fixed(percent, decimals))
}

/// Seconds as people say them.
pub fn duration(seconds: f64) -> String {
    let whole = seconds.round() as u64;
    if seconds < 10.0 {
        format!("{} s", fixed(seconds, 1))
    } else if whole < 120 {
        format!("{whole} s")
    } else if whole < 7200 {
        format!("{} min {} s", whole / 60, whole % 60)
    } else {
        format!("{} h {} min", whole / 3600, whole % 3600 / 60)
    }
}

/// What stands where a number is undefined or absent.
pub const NONE: &str = "<span class=\"none\" title=\"undefined or not measured\">\u{2013}</span>";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_escapes_the_escape() {
        assert_eq!(
            escape("<script>a(\"&'\")\u{0}"),
            "&lt;script&gt;a(&quot;&amp;&#39;&quot;)\u{fffd}"
        );
    }

    #[test]
    fn numbers_read_well() {
        assert_eq!(fixed(-0.0001, 3), "0.000");
        assert_eq!(fixed(-0.25, 2), "\u{2212}0.25");
        assert_eq!(
            [signed(0.25, 2), signed(0.0001, 3), signed(-0.25, 1)],
            ["+0.25", "0.000", "\u{2212}0.2"]
        );
        assert_eq!(
            [probability(0.0002), probability(0.03125), probability(1.0)],
            ["&lt; 0.001", "0.031", "1.000"]
        );
        assert_eq!(
            [count(7), count(1000), count(23_000_000)],
            ["7", "1,000", "23,000,000"]
        );
        assert_eq!(
            [percent(0.0144), percent(0.0000334)],
            ["1.44 %", "0.0033 %"]
        );
        assert_eq!([duration(3.21), duration(119.0)], ["3.2 s", "119 s"]);
        assert_eq!(
            [duration(155.0), duration(8000.0)],
            ["2 min 35 s", "2 h 13 min"]
        );
    }
}
