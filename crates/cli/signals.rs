//! Signals that end a run where it can be gone on with.

use lingo_artifact::progress::StopFlag;
use lingo_workflow::{Error, Kind};

/// Ctrl-C, SIGTERM, and on Unix SIGHUP, which a closed terminal sends.
const STOP_SIGNALS: &[i32] = &[
    signal_hook::consts::SIGINT,
    signal_hook::consts::SIGTERM,
    #[cfg(unix)]
    signal_hook::consts::SIGHUP,
];

/// A flag that these signals raise; a second one ends the program at once.
pub(crate) fn stop_on_signals() -> Result<StopFlag, Error> {
    let stop = StopFlag::default();
    for &signal in STOP_SIGNALS {
        let registered = signal_hook::flag::register_conditional_shutdown(
            signal,
            i32::from(Kind::Interrupted.exit_code()),
            stop.shared(),
        )
        .and_then(|_| signal_hook::flag::register(signal, stop.shared()));
        registered.map_err(|e| Error::stage(Kind::Failed, format!("signal {signal}: {e}")))?;
    }
    // A scheduler's notice, which it may give more than once.
    #[cfg(unix)]
    signal_hook::flag::register(signal_hook::consts::SIGUSR1, stop.shared())
        .map_err(|e| Error::stage(Kind::Failed, format!("SIGUSR1: {e}")))?;
    Ok(stop)
}
