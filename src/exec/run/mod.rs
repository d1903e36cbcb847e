//! Running: networks with their weights, forward and backward passes over a tape, losses, optimisers, training steps, and
//! gradients by finite differences. It stands on the other rooms of `exec`.

pub mod backend;
pub mod gradcheck;
pub mod loss;
pub mod network;
pub mod optim;
pub mod step;
pub mod tape;
