//! Threads that kernels share: a pool that is made once, and in which everything runs.
//!
//! Outside of it the fast kernels run in the pool of the whole process. Independent jobs run in parallel instead, a thread each ([`run_jobs`]). It may use nothing of the crate.

use std::fmt;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError, mpsc};
use std::thread;

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

/// Jobs that wait, and the room that is left for them.
struct Waiting {
    jobs: Vec<usize>,
    room: u64,
    running: usize,
}

/// Jobs that are handed out while they fit.
struct Queue<'j> {
    sizes: &'j [u64],
    waiting: Mutex<Waiting>,
    freed: Condvar,
}

/// A job that runs: its room is given back when it ends, however that is.
struct Running<'q>(&'q Queue<'q>, usize);

impl Drop for Running<'_> {
    fn drop(&mut self) {
        let mut waiting = self.0.lock();
        waiting.room += self.0.sizes[self.1];
        waiting.running -= 1;
        self.0.freed.notify_all();
    }
}

impl Queue<'_> {
    fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The first job that fits; one that never will runs alone. `None` where all were handed out.
    fn next(&self) -> Option<Running<'_>> {
        let mut waiting = self.lock();
        loop {
            let Waiting { jobs, room, running } = &*waiting;
            let fits = jobs.iter().position(|job| self.sizes[*job] <= *room);
            if let Some(at) = fits.or((*running == 0).then_some(0)).filter(|at| *at < jobs.len()) {
                let job = waiting.jobs.remove(at);
                waiting.room = waiting.room.saturating_sub(self.sizes[job]);
                waiting.running += 1;
                return Some(Running(self, job));
            }
            if jobs.is_empty() {
                return None;
            }
            waiting = self.freed.wait(waiting).unwrap_or_else(PoisonError::into_inner);
        }
    }
}

/// Runs jobs `0..sizes.len()`, each on one thread, as many in parallel as there are threads here and as the room allows
/// for the sizes of. `done` is told of each on the thread that calls, in the order in which they end.
///
/// # Panics
/// If a job does.
pub fn run_jobs<T: Send>(
    sizes: &[u64],
    room: u64,
    run: impl Fn(usize) -> T + Sync,
    mut done: impl FnMut(usize, T),
) {
    let wanted = rayon::current_num_threads().min(sizes.len());
    // A thread of a pool would take a job while it waits for a part of another: each has a pool for itself.
    let pools: Vec<Threads> = (0..wanted).map_while(|_| Threads::new(1).ok()).collect();
    if pools.len() < 2 {
        for job in 0..sizes.len() {
            done(job, run(job));
        }
        return;
    }
    let waiting = Waiting { jobs: (0..sizes.len()).collect(), room, running: 0 };
    let queue = Queue { sizes, waiting: Mutex::new(waiting), freed: Condvar::new() };
    let (send, made) = mpsc::channel();
    thread::scope(|scope| {
        for pool in &pools {
            let (send, queue, run) = (send.clone(), &queue, &run);
            scope.spawn(move || {
                pool.run(|| {
                    while let Some(running) = queue.next() {
                        // Nobody is left to be told where another job panicked.
                        let _ = send.send((running.1, run(running.1)));
                    }
                });
            });
        }
        drop(send);
        for (job, made) in made {
            done(job, made);
        }
    });
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicU64, Ordering};

    /// Every job runs once, in as much room as there is; one that is larger runs alone.
    #[test]
    fn jobs_share_the_room() {
        let sizes: Vec<u64> =
            (0..60).map(|job| if job == 20 { 25 } else { job * 7 % 10 }).collect();
        for threads in [1, 2, 5] {
            let (taken, most) = (AtomicU64::new(0), AtomicU64::new(0));
            let run = |job: usize| {
                let now = taken.fetch_add(sizes[job], Ordering::SeqCst) + sizes[job];
                if sizes[job] > 12 {
                    assert_eq!(now, sizes[job]);
                } else {
                    most.fetch_max(now, Ordering::SeqCst);
                }
                thread::yield_now();
                taken.fetch_sub(sizes[job], Ordering::SeqCst);
                (rayon::current_num_threads(), job)
            };
            let mut ran = Threads::new(threads).unwrap().run(|| {
                let mut ran = Vec::new();
                run_jobs(&sizes, 12, run, |job, made| {
                    assert_eq!(made, (1, job));
                    ran.push(job);
                });
                ran
            });
            ran.sort_unstable();
            assert_eq!(ran, (0..60).collect::<Vec<_>>());
            assert!(most.into_inner() <= 12);
        }
    }
}
