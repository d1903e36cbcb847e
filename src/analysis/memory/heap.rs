//! Memory in use, block by block, with holders that are counted: what `exec/base/tensor.rs` does, in numbers only.

use super::held::{Alive, Moment, Peak};
use crate::shape::{TooLarge, sum};

/// A block of memory, by its position.
pub(super) type Block = usize;

/// Memory in use, block by block.
pub(super) struct Heap {
    now: u64,
    /// Bytes, holders and description of each block.
    blocks: Vec<(u64, u32, Alive)>,
    pub(super) peak: Option<Peak>,
}

impl Heap {
    /// A heap that holds `base` bytes for good.
    pub(super) fn new(base: u64) -> Self {
        Self { now: base, blocks: Vec::new(), peak: None }
    }

    pub(super) fn take(
        &mut self,
        name: &str,
        what: &'static str,
        bytes: u64,
    ) -> Result<Block, TooLarge> {
        self.now = sum([self.now, bytes])?;
        self.blocks.push((bytes, 1, Alive { name: name.to_owned(), what, bytes }));
        Ok(self.blocks.len() - 1)
    }

    pub(super) fn hold(&mut self, block: Block) -> Block {
        self.blocks[block].1 += 1;
        block
    }

    pub(super) fn release(&mut self, block: Block) {
        let (bytes, holders, _) = &mut self.blocks[block];
        *holders -= 1;
        if *holders == 0 {
            self.now -= *bytes;
        }
    }

    /// Bytes of a block.
    pub(super) fn bytes(&self, block: Block) -> u64 {
        self.blocks[block].0
    }

    /// Whether a block has several holders, so that it is not written without a copy.
    pub(super) fn is_shared(&self, block: Block) -> bool {
        self.blocks[block].1 > 1
    }

    /// Looks whether this is the most so far, and says so.
    pub(super) fn mark(&mut self, moment: Moment) -> bool {
        let is_most = self.peak.as_ref().is_none_or(|peak| self.now > peak.bytes);
        if is_most {
            // The list is made at the end, for the one moment that counts.
            self.peak = Some(Peak { bytes: self.now, moment, alive: Vec::new() });
        }
        is_most
    }

    pub(super) fn alive(&self) -> Vec<Alive> {
        let held = self.blocks.iter().filter(|(bytes, holders, _)| *holders > 0 && *bytes > 0);
        let mut alive: Vec<Alive> = held.map(|(.., alive)| alive.clone()).collect();
        alive.sort_by(|a, b| b.bytes.cmp(&a.bytes).then_with(|| a.name.cmp(&b.name)));
        alive
    }
}
