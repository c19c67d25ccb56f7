//! The command line as text.

pub(crate) use lingo_workflow::jobs::quoted;

/// The command as it was typed, for the record.
pub(crate) fn typed() -> String {
    let arguments = std::env::args_os()
        .skip(1)
        .map(|a| quoted(&a.to_string_lossy()));
    std::iter::once("lingo-pipe".to_string())
        .chain(arguments)
        .collect::<Vec<_>>()
        .join(" ")
}
