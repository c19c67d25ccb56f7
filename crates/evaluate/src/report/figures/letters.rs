//! Bases as shapes, so that no font changes a sequence logo.

/// The outline of A, C, G or T in a square of 100 by 100, the foot at 0 and counted upwards, as an SVG path that is filled by
/// `evenodd`; empty for anything else.
pub fn outline(base: u8) -> &'static str {
    match base {
        b'A' => "M0 0L40 100H60L100 0H80L71 24H29L20 0ZM35 41H65L50 82Z",
        b'C' => "M100 30A50 50 0 1 0 100 70L82 62A31 31 0 1 1 82 38Z",
        b'G' => "M100 30A50 50 0 1 0 100 70L82 62A31 31 0 1 1 78 34H55V50H100Z",
        b'T' => "M0 100H100V82H60V0H40V82H0Z",
        _ => "",
    }
}
