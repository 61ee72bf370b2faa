//! Progress on stderr, on a terminal only.

use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

/// A bar of `n` steps; it draws nothing unless stderr is a terminal.
pub(crate) fn steps(n: u64, what: &'static str) -> ProgressBar {
    let template = "{msg:32} [{bar:30}] {pos}/{len} {elapsed}";
    with_style(ProgressBar::with_draw_target(Some(n), ProgressDrawTarget::stderr()), template)
        .with_message(what)
}

/// A counter of bytes, for inputs whose length is not known.
pub(crate) fn bytes(what: &'static str) -> ProgressBar {
    let template = "{spinner} {msg} {bytes} ({bytes_per_sec}) {elapsed}";
    let bar = with_style(ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr()), template);
    bar.enable_steady_tick(Duration::from_millis(120));
    bar.with_message(what)
}

fn with_style(bar: ProgressBar, template: &str) -> ProgressBar {
    let style = ProgressStyle::with_template(template).expect("the template is a constant that parses");
    bar.with_style(style.progress_chars("=> "))
}
