//! The command line as text.

/// An argument as a shell takes it.
pub(crate) fn quoted(argument: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./=,:+@%".contains(c);
    if !argument.is_empty() && argument.chars().all(plain) {
        argument.to_string()
    } else {
        format!("'{}'", argument.replace('\'', "'\\''"))
    }
}

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
