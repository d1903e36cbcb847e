//! The progress bar of a long run: drawn by indicatif on standard error if that is a terminal, else not at all. It is gone at
//! the end of the run, and after an interrupt too.

use std::fmt::Write;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressState, ProgressStyle};

use crate::verify::time;

/// The exit status of a process that was interrupted.
const INTERRUPTED: i32 = 130;
/// How often the bar is drawn.
const TICK: Duration = Duration::from_millis(100);
/// The share from which the time that is left is shown: the first layers say little of the rest.
const TELLING: f32 = 0.05;
const TEMPLATE: &str = "{spinner} {bar:24} {percent:>3}%{left}  {wide_msg}";

/// The bar of the network that runs, for all networks of a command.
pub struct Bar(Arc<Mutex<ProgressBar>>);

fn lock(shared: &Mutex<ProgressBar>) -> MutexGuard<'_, ProgressBar> {
    shared.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The time that is left, once it can be told.
fn left(state: &ProgressState, text: &mut dyn Write) {
    if state.fraction() >= TELLING {
        // A text takes all that is written.
        let _ = write!(text, "  {} left", time(state.eta().as_secs()));
    }
}

fn style() -> ProgressStyle {
    let style = ProgressStyle::with_template(TEMPLATE);
    let style = style.unwrap_or_else(|_| ProgressStyle::default_bar());
    style.with_key("left", left).tick_chars("|/-\\ ").progress_chars("█░")
}

impl Bar {
    /// A bar that shows nothing yet.
    pub fn new() -> Self {
        let shared = Arc::new(Mutex::new(ProgressBar::hidden()));
        if !ProgressDrawTarget::stderr().is_hidden() {
            let shown = Arc::clone(&shared);
            // Where no handler can be set, an interrupt ends the process as well, and the bar stays.
            let _ = ctrlc::set_handler(move || {
                lock(&shown).finish_and_clear();
                std::process::exit(INTERRUPTED);
            });
        }
        Self(shared)
    }

    /// Begins a run of so many pieces; `doing` is what comes first.
    pub fn begin(&self, total: u64, doing: &str) {
        let bar = ProgressBar::with_draw_target(Some(total), ProgressDrawTarget::stderr());
        bar.set_style(style());
        bar.set_message(doing.to_owned());
        if !bar.is_hidden() {
            bar.enable_steady_tick(TICK);
        }
        *lock(&self.0) = bar;
    }

    /// Goes on by so many; `doing` is what was done last.
    pub fn advance(&self, pieces: u64, doing: impl FnOnce() -> String) {
        let bar = lock(&self.0);
        if !bar.is_hidden() {
            bar.set_message(doing());
            bar.inc(pieces);
        }
    }

    /// Ends a run: the line is free again.
    pub fn end(&self) {
        lock(&self.0).finish_and_clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_template_is_one_that_indicatif_knows() {
        assert!(ProgressStyle::with_template(TEMPLATE).is_ok());
    }

    #[test]
    fn it_says_how_far_it_is_and_what_is_done() {
        let drawn = indicatif::InMemoryTerm::new(10, 80);
        let target = ProgressDrawTarget::term_like(Box::new(drawn.clone()));
        let bar = ProgressBar::with_draw_target(Some(200), target).with_style(style());
        bar.set_message("forward conv1");
        bar.set_position(2);
        bar.tick();
        let line = drawn.contents();
        assert!(line.ends_with("░   1%  forward conv1") && !line.contains("left"), "{line}");
        bar.set_position(150);
        bar.tick();
        let line = drawn.contents();
        assert!(line.contains("██████████████████░░░░░░  75%  "), "{line}");
        assert!(line.contains(" left  forward conv1"), "{line}");
        bar.finish_and_clear();
        assert_eq!(drawn.contents(), "");
    }
}
