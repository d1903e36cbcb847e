//! The bar of a long run: on a terminal, nothing elsewhere.
//!
//! It is one line of standard error, painted ten times a second, with the cursor left at its beginning: whatever is printed
//! next begins there, and a terminal that is made narrower keeps it at the first of the lines that the bar is broken into.
//! It leaves no trace, not even where an interrupt ends the process. Tests stand below.

use std::io::{IsTerminal as _, Write as _, stderr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use crate::cli::estimate::time;
use crate::report::text::{shorten, width};

/// The exit status of a process that was interrupted.
const INTERRUPTED: i32 = 130;
/// How often it is painted.
const TICK: Duration = Duration::from_millis(100);
/// What turns while a large layer runs.
const SPINNER: [char; 4] = ['|', '/', '-', '\\'];
/// Cells of the bar on a wide terminal.
const CELLS: usize = 24;
/// The fewest columns in which it is worth saying what is done.
const LEGIBLE: usize = 8;
/// Columns of a terminal that does not say how many it has.
const WIDTH: usize = 80;
/// From the cursor to the end of the screen.
const CLEAR: &str = "\r\x1b[J";

/// How far a run is.
#[derive(Clone, Debug)]
struct State {
    done: u64,
    total: u64,
    doing: String,
    since: Instant,
    /// How often it was painted.
    ticks: usize,
}

type Shared = Mutex<Option<State>>;

fn lock(shared: &Shared) -> MutexGuard<'_, Option<State>> {
    // What is shown is whole at any time.
    shared.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Writes at once, so that nothing flickers. Nobody is left to be told that standard error is closed.
fn write(text: &str) {
    let _ = stderr().lock().write_all(text.as_bytes());
}

/// Takes the bar away.
fn clear(state: Option<State>) {
    if state.is_some_and(|state| state.ticks > 0) {
        write(CLEAR);
    }
}

/// One bar for all networks of a command.
pub struct Bar(Arc<Shared>);

impl Bar {
    /// A bar that shows nothing yet.
    pub fn new() -> Self {
        let shared = Arc::new(Mutex::new(None));
        if stderr().is_terminal() {
            let painted = Arc::downgrade(&shared);
            std::thread::spawn(move || {
                while let Some(shared) = painted.upgrade() {
                    paint(&shared);
                    drop(shared);
                    std::thread::sleep(TICK);
                }
            });
            let shown = Arc::clone(&shared);
            // Where no handler can be set, an interrupt ends the process as well, and the bar stays.
            let _ = ctrlc::set_handler(move || {
                // Nothing is painted as long as it is locked.
                let mut shown = lock(&shown);
                clear(shown.take());
                std::process::exit(INTERRUPTED);
            });
        }
        Self(shared)
    }

    /// Begins a run of so many pieces; `doing` is what comes first.
    pub fn begin(&self, total: u64, doing: &str) {
        let (doing, since) = (doing.to_owned(), Instant::now());
        *lock(&self.0) = Some(State { done: 0, total, doing, since, ticks: 0 });
    }

    /// Goes on by so many; `doing` is what was done last.
    pub fn advance(&self, pieces: u64, doing: impl FnOnce() -> String) {
        if let Some(state) = lock(&self.0).as_mut() {
            state.doing = doing();
            state.done = state.done.saturating_add(pieces);
        }
    }

    /// Ends a run: the line is free again.
    pub fn end(&self) {
        clear(lock(&self.0).take());
    }
}

fn paint(shared: &Shared) {
    let mut shown = lock(shared);
    let Some(state) = shown.as_mut() else { return };
    let size = terminal_size::terminal_size_of(stderr());
    let columns = size.map_or(WIDTH, |(width, _)| usize::from(width.0));
    write(&format!("{}\x1b[J\r", line(state, state.since.elapsed(), columns)));
    state.ticks += 1;
}

/// The line, short of the last column: a terminal would go to the next. What does not fit is left out.
fn line(state: &State, elapsed: Duration, columns: usize) -> String {
    let (done, total) = (u128::from(state.done.min(state.total)), u128::from(state.total.max(1)));
    let of = |whole: usize| usize::try_from(done * whole as u128 / total).unwrap_or(whole);
    let cells = CELLS.min(columns / 3);
    let full = of(cells);
    let turn = SPINNER[state.ticks % SPINNER.len()];
    let (full_cells, empty) = ("█".repeat(full), "░".repeat(cells - full));
    let mut line = format!("{turn} {full_cells}{empty} {:>3}%", of(100));
    // The first layers say little of the rest.
    if of(20) > 0 {
        let rest = elapsed.as_millis() * (total - done) / done / 1000;
        let rest = time(u64::try_from(rest).unwrap_or(u64::MAX));
        let rest = format!("  {rest} left");
        if width(&line) + width(&rest) < columns {
            line.push_str(&rest);
        }
    }
    let room = columns.saturating_sub(width(&line) + 3);
    if room >= LEGIBLE {
        line.push_str("  ");
        line.push_str(&shorten(&state.doing, room));
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(done: u64, doing: &str, columns: usize) -> String {
        let since = Instant::now();
        let state = State { done, total: 200, doing: doing.to_owned(), since, ticks: 5 };
        line(&state, Duration::from_secs(30), columns)
    }

    #[test]
    fn it_says_how_far_it_is_and_what_is_left() {
        let line = "/ ██████░░░░░░░░░░░░░░░░░░  25%  about 2 minutes left  forward conv1";
        assert_eq!(at(50, "forward conv1", 80), line);
        let line = "/ ░░░░░░░░░░░░░░░░░░░░░░░░   1%  inference conv1";
        assert_eq!(at(2, "inference conv1", 80), line);
        assert_eq!(
            at(999, "x", 80),
            format!("/ {} 100%  less than a second left  x", "█".repeat(24))
        );
    }

    #[test]
    fn it_is_shorter_than_any_terminal_is_wide() {
        let name = "backward features.denseblock4.denselayer16.합성곱.conv1";
        for columns in 14..140 {
            let line = at(120, name, columns);
            assert!(width(&line) < columns, "{columns}: {line}");
        }
    }
}
