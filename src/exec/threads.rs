//! Threads that kernels share: a pool that is made once, and in which everything runs.
//!
//! Outside of it the fast kernels run in the pool of the whole process. It may use nothing of the crate. Tests stand in
//! `tests/it/fast.rs`.

use std::fmt;

/// A pool of threads.
#[derive(Debug)]
pub struct Threads(rayon::ThreadPool);

/// Why there are no such threads: what the system says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ThreadsError(String);

impl fmt::Display for ThreadsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "no threads to compute with: {}", self.0)
    }
}

impl std::error::Error for ThreadsError {}

impl Threads {
    /// So many threads; with 0, as many as the machine has.
    ///
    /// # Errors
    /// The system gives none.
    pub fn new(threads: usize) -> Result<Self, ThreadsError> {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build();
        pool.map(Self).map_err(|error| ThreadsError(error.to_string()))
    }

    /// How many there are.
    pub fn count(&self) -> usize {
        self.0.current_num_threads()
    }

    /// Runs something in the pool: a whole step at best, since entering it takes longer than a small layer does.
    pub fn run<T: Send>(&self, run: impl FnOnce() -> T + Send) -> T {
        self.0.install(run)
    }
}
