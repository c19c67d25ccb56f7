//! The frame of every figure: heading, drawing, caption.

use crate::report::html::escape;

/// A figure with its heading and a caption (HTML).
pub fn figure(title: &str, svg: &str, caption: &str) -> String {
    format!(
        "<figure><h3>{}</h3>{svg}<figcaption>{caption}</figcaption></figure>",
        escape(title)
    )
}

/// The opening of an accessible `<svg>`.
pub fn open(id: &str, title: &str, description: &str, width: f64, height: f64) -> String {
    format!(
        "<svg viewBox=\"0 0 {width} {height}\" role=\"img\" aria-labelledby=\"{id}-t {id}-d\"><title id=\"{id}-t\">{}</title><desc id=\"{id}-d\">{}</desc>",
        escape(title),
        escape(description)
    )
}
