//! Memory is asked for once: after the first steps, training and inference allocate nothing that is a page or more.
//!
//! It has a binary of its own, since it counts what the whole process allocates. The matrix product packs what it multiplies
//! into copies of its own, which are aligned to lines of the cache, as nothing else is: those are told apart by it.

#![allow(unsafe_code, reason = "an allocator that counts")]

use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use cnnstat::diag::Source;
use cnnstat::graph::Graph;
use cnnstat::internals::exec::backend::Backend;
use cnnstat::internals::exec::kernels::Scheme;
use cnnstat::internals::exec::network::Network;
use cnnstat::internals::exec::optim::{Adam, Optimizer, Sgd};
use cnnstat::internals::exec::step::{Data, step};
use cnnstat::internals::exec::tape::Unobserved;
use cnnstat::internals::exec::threads::Threads;
use cnnstat::internals::lang::parse;
use cnnstat::model::Asked;
use cnnstat::ops::Mode;

/// Bytes of a page, and of a line.
const PAGE: usize = 4096;
const LINE: usize = 64;

/// Allocations of a page or more: how many, and their bytes.
static COUNT: AtomicU64 = AtomicU64::new(0);
static BYTES: AtomicU64 = AtomicU64::new(0);

struct Counting;

fn count(size: usize, layout: Layout) {
    if size >= PAGE && layout.align() < LINE {
        COUNT.fetch_add(1, Relaxed);
        BYTES.fetch_add(size as u64, Relaxed);
    }
}

// SAFETY: the system's allocator does it all.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count(layout.size(), layout);
        // SAFETY: as this is called.
        unsafe { System.alloc(layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        count(layout.size(), layout);
        // SAFETY: as this is called.
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn realloc(&self, memory: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        count(size, layout);
        // SAFETY: as this is called.
        unsafe { System.realloc(memory, layout, size) }
    }

    unsafe fn dealloc(&self, memory: *mut u8, layout: Layout) {
        // SAFETY: as this is called.
        unsafe { System.dealloc(memory, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// Every way that memory is used: convolutions by tiles, by columns, of elements and of slices; own statistics; pools that
/// keep indices and that do not; a join, masks, and linear layers, one used twice. Its
/// batch is 8.
const NETWORK: &str = "
model: small
input: [3, 32, 32]
layers:
  - conv2d(32, 5, padding=2)
  - batchnorm2d
  - relu
  - maxpool2d(3, stride=2, padding=1)
  - residual:
      - conv2d(32, 3, padding=1, bias=false)
      - batchnorm2d
      - relu6
      - conv2d(32, 3, padding=1, groups=32)
      - batchnorm2d
  - silu
  - conv2d(48, 3, stride=2, padding=1)
  - conv2d(64, 1)
  - avgpool2d(2)
  - dropout(0.5)
  - flatten
  - linear(300)
  - relu
  - again: linear(300)
  - relu
  - share(@, 'again')
  - linear(10)
";
const BATCH: usize = 8;

fn graph() -> Graph {
    let source = Source::new("small.yaml", NETWORK);
    parse(&source, &Asked::default()).expect("a description").graph
}

/// Allocations, and their bytes, of each of some passes.
fn counted<const N: usize>(mut pass: impl FnMut()) -> [(u64, u64); N] {
    std::array::from_fn(|_| {
        let before = (COUNT.load(Relaxed), BYTES.load(Relaxed));
        pass();
        (COUNT.load(Relaxed) - before.0, BYTES.load(Relaxed) - before.1)
    })
}

fn training<const N: usize>(graph: &Graph, mut optimizer: impl Optimizer<f32>) -> [(u64, u64); N] {
    let mut network = Network::<f32>::new(graph, Scheme::KaimingNormal, 0)
        .with_backend(Backend::Fast { exact: false });
    let data = Data::sample(graph, &[vec![BATCH, 3, 32, 32]], 0);
    network.build(&data.inputs(&network.meter().clone())).expect("it runs");
    counted(|| {
        let made = step(&mut network, &data, Mode::Train, false, &mut Unobserved);
        network.descend(&made.expect("it runs").gradients, &mut optimizer);
    })
}

fn inference<const N: usize>(graph: &Graph) -> [(u64, u64); N] {
    let mut network = Network::<f32>::new(graph, Scheme::KaimingNormal, 0)
        .with_backend(Backend::Fast { exact: false });
    let data = Data::sample(graph, &[vec![BATCH, 3, 32, 32]], 0);
    let meter = network.meter().clone();
    counted(|| drop(network.infer(data.inputs(&meter), Mode::Eval).expect("it runs")))
}

/// The two run in one test, since they count what the process does.
#[test]
fn after_the_first_steps_nothing_is_allocated() {
    let graph = graph();
    let threads = Threads::new(2).expect("two threads");
    let sgd = threads.run(|| training::<12>(&graph, Sgd::new(0.01, 0.9)));
    let adam = threads.run(|| training::<12>(&graph, Adam::new(0.001)));
    let infer = threads.run(|| inference::<12>(&graph));
    for (what, passes) in [("sgd", sgd), ("adam", adam), ("inference", infer)] {
        println!("{what}: {passes:?}");
        assert!(passes[0].0 > 0, "{what}: the first pass allocates, or nothing is counted");
    }
    for (what, passes) in [("sgd", sgd), ("adam", adam), ("inference", infer)] {
        assert_eq!(passes[2..], [(0, 0); 10], "{what}: allocations and bytes, step by step");
    }
}
