//! Which layer of one network is which of another: by name first, then by structure.
//!
//! A name that a description gives pairs two layers wherever they stand. The pairs that keep their order part the rest
//! into stretches, and in each the alignment of most likeness is found, in execution order. That takes a table of
//! `n × m` cells, so a stretch of more than [`MOST_CELLS`] is parted first, by the most layers that both have, where no
//! more than [`MOST_EDITS`] are others; where more are, the k-th layer of a kind is paired with the k-th. The alignment
//! of such a stretch is a good one, not always the best, and of layers that have nothing in common none is sought.

use std::collections::{HashMap, VecDeque};
use std::hash::Hash;
use std::ops::Range;

use crate::report::model::{Layer, Sizes};

/// The largest table that is filled at once, in cells: a thousand layers against a thousand.
const MOST_CELLS: usize = 1 << 20;

/// The most layers that may be others where the common ones of a long stretch are sought.
const MOST_EDITS: usize = 1 << 10;

/// The place of a layer of the first network, and of its partner in the second.
pub(super) type Pair = (usize, usize);

/// Partners, by their place in the second network.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Aligned {
    /// Those that keep their order, ascending.
    pub kept: Vec<Pair>,
    /// Those that stand elsewhere.
    pub moved: Vec<Pair>,
}

/// What of a layer is compared, as numbers that are equal where the texts and shapes are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Likeness {
    name: usize,
    op: usize,
    call: usize,
    inputs: usize,
    outputs: usize,
}

/// What a pair must share, from all to little; a long stretch is parted by the first that helps.
const KEYS: &[fn(Likeness) -> [usize; 4]] =
    &[|l| [l.op, l.call, l.inputs, l.outputs], |l| [l.op, l.call, 0, 0], |l| [l.op, 0, 0, 0]];

/// How alike two layers are; 0 for those that are no pair. A whole match outweighs two of less.
fn score(a: Likeness, b: Likeness) -> u32 {
    let named = u32::from(a.name == b.name);
    let structure = match (a.op == b.op, a.call == b.call, a.outputs == b.outputs) {
        // Another operator under the same name took the layer's place.
        (false, ..) => return 3 * named,
        (true, true, true) if a.inputs == b.inputs => 16,
        (true, true, true) => 12,
        (true, false, false) => 6,
        (true, ..) => 8,
    };
    structure + named
}

/// Aligns the layers of two networks.
pub(super) fn align(before: &[Layer], after: &[Layer]) -> Aligned {
    let named = pair_up(given_names(before), given_names(after));
    let anchors = chain(&named);
    let mut taken = (vec![false; before.len()], vec![false; after.len()]);
    for (i, j) in &named {
        (taken.0[*i], taken.1[*j]) = (true, true);
    }
    let mut known = Numbering::default();
    let (before, after) = (known.all(before), known.all(after));
    let mut kept = Vec::with_capacity(after.len());
    let mut from = (0, 0);
    for (i, j) in anchors.iter().copied().chain([(before.len(), after.len())]) {
        let left = free(from.0..i, &taken.0);
        let right = free(from.1..j, &taken.1);
        Aligner { before: &before, after: &after, kept: &mut kept }.stretch(&left, &right, KEYS);
        kept.extend(Some((i, j)).filter(|(i, _)| *i < before.len()));
        from = (i + 1, j + 1);
    }
    let is_kept = |pair: &Pair| anchors.binary_search(pair).is_ok();
    let mut moved: Vec<Pair> = named.into_iter().filter(|pair| !is_kept(pair)).collect();
    moved.sort_unstable_by_key(|(_, j)| *j);
    Aligned { kept, moved }
}

/// The names that were given, each with its place.
fn given_names(layers: &[Layer]) -> impl Iterator<Item = (usize, &str)> {
    let given = layers.iter().enumerate().filter(|(_, layer)| !is_positional(layer));
    given.map(|(at, layer)| (at, layer.name.as_str()))
}

/// The places of a range that are not taken.
fn free(range: Range<usize>, taken: &[bool]) -> Vec<usize> {
    range.filter(|at| !taken[*at]).collect()
}

/// Whether a layer's name says where it stands and not what it is: `features.3`, `net.conv2d_00`.
pub fn is_positional(layer: &Layer) -> bool {
    let segment = last_segment(&layer.name);
    let word = segment.trim_end_matches(|c: char| c.is_ascii_digit());
    let word_alone = word.trim_end_matches(|c: char| !c.is_alphanumeric());
    word.len() < segment.len() && (word_alone.is_empty() || layer.op == word_alone)
}

/// The last part of a dotted name.
pub fn last_segment(name: &str) -> &str {
    name.rsplit('.').next().unwrap_or(name)
}

/// Texts and shapes that were seen, each with a number.
#[derive(Default)]
struct Numbering<'l> {
    texts: HashMap<&'l str, usize>,
    shapes: HashMap<&'l [Sizes], usize>,
}

impl<'l> Numbering<'l> {
    fn all(&mut self, layers: &'l [Layer]) -> Vec<Likeness> {
        layers.iter().map(|layer| self.likeness(layer)).collect()
    }

    fn likeness(&mut self, layer: &'l Layer) -> Likeness {
        Likeness {
            name: number(&mut self.texts, &layer.name),
            op: number(&mut self.texts, &layer.op),
            call: number(&mut self.texts, &layer.call),
            inputs: number(&mut self.shapes, &layer.inputs),
            outputs: number(&mut self.shapes, &layer.outputs),
        }
    }
}

fn number<K: Hash + Eq>(known: &mut HashMap<K, usize>, key: K) -> usize {
    let next = known.len();
    *known.entry(key).or_insert(next)
}

/// The k-th of a key with the k-th of the same key, by their place in the first list.
fn pair_up<K: Hash + Eq>(
    before: impl Iterator<Item = (usize, K)>,
    after: impl Iterator<Item = (usize, K)>,
) -> Vec<Pair> {
    let mut places: HashMap<K, VecDeque<usize>> = HashMap::new();
    for (at, key) in after {
        places.entry(key).or_default().push_back(at);
    }
    let partner = |(at, key): (usize, K)| Some((at, places.get_mut(&key)?.pop_front()?));
    before.filter_map(partner).collect()
}

/// The most pairs that keep their order in both networks; `pairs` ascend in the first.
pub(super) fn chain(pairs: &[Pair]) -> Vec<Pair> {
    // The pair that ends the best chain of each length: its partner as near to the start as can be.
    let mut ends: Vec<usize> = Vec::new();
    let mut previous: Vec<Option<usize>> = Vec::with_capacity(pairs.len());
    for (at, (_, partner)) in pairs.iter().enumerate() {
        let length = ends.partition_point(|end| pairs[*end].1 < *partner);
        previous.push(length.checked_sub(1).map(|shorter| ends[shorter]));
        match ends.get_mut(length) {
            Some(end) => *end = at,
            None => ends.push(at),
        }
    }
    let mut chain = Vec::with_capacity(ends.len());
    let mut at = ends.last().copied();
    while let Some(link) = at {
        chain.push(pairs[link]);
        at = previous[link];
    }
    chain.reverse();
    chain
}

/// The longest common subsequence of two lists, unless more than [`MOST_EDITS`] elements are others. Source: Myers, "An
/// O(ND) Difference Algorithm and Its Variations", 1986.
pub(super) fn common<K: Eq>(before: &[K], after: &[K]) -> Option<Vec<Pair>> {
    // Diagonals `x − y`, moved so that none is negative. `reach` is how far along the first list each has come.
    let middle = MOST_EDITS + 1;
    let mut reach = vec![0usize; 2 * middle + 1];
    let goes_down = |reach: &[usize], edits: usize, diagonal: usize| {
        diagonal == middle - edits
            || (diagonal != middle + edits && reach[diagonal - 1] < reach[diagonal + 1])
    };
    let mut rounds: Vec<Vec<usize>> = Vec::new();
    let edits = (0..=MOST_EDITS).find(|edits| {
        rounds.push(reach[middle - edits..=middle + edits].to_vec());
        (middle - edits..=middle + edits).step_by(2).any(|diagonal| {
            let down = goes_down(&reach, *edits, diagonal);
            let mut x = if down { reach[diagonal + 1] } else { reach[diagonal - 1] + 1 };
            let mut y = x + middle - diagonal;
            while x < before.len() && y < after.len() && before[x] == after[y] {
                (x, y) = (x + 1, y + 1);
            }
            reach[diagonal] = x;
            x >= before.len() && y >= after.len()
        })
    })?;
    let mut pairs = Vec::new();
    let (mut x, mut y) = (before.len(), after.len());
    for edits in (0..=edits).rev() {
        let low = middle - edits;
        reach[low..=middle + edits].copy_from_slice(&rounds[edits]);
        let diagonal = middle + x - y;
        let down = goes_down(&reach, edits, diagonal);
        let start = match (edits, down) {
            (0, _) => 0,
            (_, true) => reach[diagonal + 1],
            (_, false) => reach[diagonal - 1] + 1,
        };
        while x > start {
            (x, y) = (x - 1, y - 1);
            pairs.push((x, y));
        }
        // The step before the equal elements; before the first round there is none.
        (x, y) = if down { (x, y.saturating_sub(1)) } else { (x - 1, y) };
    }
    pairs.reverse();
    Some(pairs)
}

/// Two networks, and the pairs found so far.
struct Aligner<'a> {
    before: &'a [Likeness],
    after: &'a [Likeness],
    kept: &'a mut Vec<Pair>,
}

impl Aligner<'_> {
    /// Aligns two stretches: their equal ends as they are, the middle by table, or parted by the first of the keys.
    fn stretch(
        &mut self,
        mut before: &[usize],
        mut after: &[usize],
        keys: &[fn(Likeness) -> [usize; 4]],
    ) {
        let all = KEYS[0];
        let is_same = |i: usize, j: usize| all(self.before[i]) == all(self.after[j]);
        let same = before.iter().zip(after).take_while(|(i, j)| is_same(**i, **j)).count();
        self.kept.extend(before[..same].iter().copied().zip(after[..same].iter().copied()));
        (before, after) = (&before[same..], &after[same..]);
        let backwards = before.iter().rev().zip(after.iter().rev());
        let same = backwards.take_while(|(i, j)| is_same(**i, **j)).count();
        let (before, before_end) = before.split_at(before.len() - same);
        let (after, after_end) = after.split_at(after.len() - same);
        match keys {
            _ if before.len().saturating_mul(after.len()) <= MOST_CELLS => {
                self.table(before, after);
            }
            // Nothing is left to tell so many layers apart by.
            [] => {}
            [key, less @ ..] => self.parted(before, after, *key, less),
        }
        self.kept.extend(before_end.iter().copied().zip(after_end.iter().copied()));
    }

    /// Aligns what lies between layers that share a key.
    fn parted(
        &mut self,
        before: &[usize],
        after: &[usize],
        key: fn(Likeness) -> [usize; 4],
        less: &[fn(Likeness) -> [usize; 4]],
    ) {
        let left: Vec<_> = before.iter().map(|i| key(self.before[*i])).collect();
        let right: Vec<_> = after.iter().map(|j| key(self.after[*j])).collect();
        // Pairs of positions in the stretches, not in the networks.
        let pairs = common(&left, &right)
            .unwrap_or_else(|| chain(&pair_up(left.iter().enumerate(), right.iter().enumerate())));
        let mut from = (0, 0);
        for (i, j) in pairs {
            self.stretch(&before[from.0..i], &after[from.1..j], less);
            self.kept.push((before[i], after[j]));
            from = (i + 1, j + 1);
        }
        self.stretch(&before[from.0..], &after[from.1..], less);
    }

    /// The alignment of most likeness; of several the one whose pairs come first.
    fn table(&mut self, before: &[usize], after: &[usize]) {
        let alike = |i: usize, j: usize| score(self.before[before[i]], self.after[after[j]]);
        let (rows, columns) = (before.len(), after.len() + 1);
        // What can still be gained from the layers at and behind (i, j).
        let mut best = vec![0u32; (rows + 1) * columns];
        for i in (0..rows).rev() {
            for j in (0..after.len()).rev() {
                let without = best[(i + 1) * columns + j].max(best[i * columns + j + 1]);
                let with = match alike(i, j) {
                    0 => 0,
                    score => score + best[(i + 1) * columns + j + 1],
                };
                best[i * columns + j] = with.max(without);
            }
        }
        let (mut i, mut j) = (0, 0);
        let mut pairs = Vec::with_capacity(rows.min(after.len()));
        while i < rows && j < after.len() {
            let here = best[i * columns + j];
            let score = alike(i, j);
            if score > 0 && here == score + best[(i + 1) * columns + j + 1] {
                pairs.push((before[i], after[j]));
                (i, j) = (i + 1, j + 1);
            } else if here == best[(i + 1) * columns + j] {
                i += 1;
            } else {
                j += 1;
            }
        }
        self.kept.extend(pairs);
    }
}
