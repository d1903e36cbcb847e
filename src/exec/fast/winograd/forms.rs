//! The forms F(2×2, 3×3) and F(4×4, 3×3): one-dimensional transforms on a few numbers, and how they run along rows.
//!
//! ```text
//! forward   y  = Aᵀ [ (G w Gᵀ) ⊙ (Bᵀ x B) ] A         x: α×α, y: m×m, w: 3×3, α = m + 2
//! weight    dw = Gᵀ [ (A g Aᵀ) ⊙ (Bᵀ x B) ] G         g: m×m, the transposed of the above in w
//! ```
//!
//! A two-dimensional transform is the one-dimensional one along columns, then along rows. All of them take α numbers and
//! return α, of which some are not used, so that they run in place. Numbers of different tiles lie side by side: a transform
//! runs along α rows at once, in one loop without a branch.

#![allow(clippy::many_single_char_names, reason = "numbers of a tile, in order")]

use crate::exec::base::scalar::Scalar;

/// One-dimensional transforms of tiles that make M outputs of A = M + 2 inputs.
pub(super) trait Form<const M: usize, const A: usize> {
    /// Bᵀ: of A inputs.
    fn input<S: Scalar>(d: [S; A]) -> [S; A];
    /// Aᵀ: M outputs come first.
    fn output<S: Scalar>(m: [S; A]) -> [S; A];
    /// G: of the first three.
    fn filter<S: Scalar>(g: [S; A]) -> [S; A];
    /// A: of the first M.
    fn spread<S: Scalar>(g: [S; A]) -> [S; A];
    /// Gᵀ: three come first.
    fn collect<S: Scalar>(u: [S; A]) -> [S; A];
    /// Runs a transform along rows, in place.
    fn along<S: Scalar>(rows: [&mut [S]; A], transform: impl Fn([S; A]) -> [S; A]);
    /// Runs a transform from rows to others.
    fn across<S: Scalar>(
        from: [&[S]; A],
        into: [&mut [S]; A],
        transform: impl Fn([S; A]) -> [S; A],
    );
    /// Runs a transform from rows to M others.
    fn back<S: Scalar>(from: [&[S]; A], into: [&mut [S]; M], transform: impl Fn([S; A]) -> [S; A]);
    /// Parts a line into tiles that begin every M numbers, and transforms each: its k-th number goes to row k. What follows
    /// the first M numbers of a tile is taken from `next`.
    fn part<S: Scalar>(
        this: &[S],
        next: &[S],
        into: [&mut [S]; A],
        transform: impl Fn([S; A]) -> [S; A],
    );
    /// Transforms tiles, the k-th number of each from row k, and joins their M outputs to a line, with something added.
    fn join<S: Scalar>(
        from: [&[S]; A],
        line: &mut [S],
        plus: S,
        transform: impl Fn([S; A]) -> [S; A],
    );
}

/// F(2×2, 3×3): transforms have factors ±1 and ½ only.
pub(super) struct Two;
/// F(4×4, 3×3): the fewest products, and an error some twenty times that of a direct sum.
pub(super) struct Four;

impl Form<2, 4> for Two {
    #[inline]
    fn input<S: Scalar>([a, b, c, d]: [S; 4]) -> [S; 4] {
        [a.sub(c), b.add(c), c.sub(b), b.sub(d)]
    }

    #[inline]
    fn output<S: Scalar>([a, b, c, d]: [S; 4]) -> [S; 4] {
        [a.add(b).add(c), b.sub(c).sub(d), c, d]
    }

    #[inline]
    fn filter<S: Scalar>([a, b, c, _]: [S; 4]) -> [S; 4] {
        let half = S::of(0.5);
        let (ends, middle) = (a.add(c).mul(half), b.mul(half));
        [a, ends.add(middle), ends.sub(middle), c]
    }

    #[inline]
    fn spread<S: Scalar>([a, b, _, _]: [S; 4]) -> [S; 4] {
        [a, a.add(b), a.sub(b), S::ZERO.sub(b)]
    }

    #[inline]
    fn collect<S: Scalar>([a, b, c, d]: [S; 4]) -> [S; 4] {
        let half = S::of(0.5);
        let (sum, difference) = (b.add(c).mul(half), b.sub(c).mul(half));
        [a.add(sum), difference, sum.add(d), d]
    }

    #[inline]
    fn along<S: Scalar>([a, b, c, d]: [&mut [S]; 4], transform: impl Fn([S; 4]) -> [S; 4]) {
        along_four(a, b, c, d, transform);
    }

    #[inline]
    fn across<S: Scalar>(
        from: [&[S]; 4],
        [a, b, c, d]: [&mut [S]; 4],
        transform: impl Fn([S; 4]) -> [S; 4],
    ) {
        four_to_four(from, a, b, c, d, transform);
    }

    #[inline]
    fn back<S: Scalar>(
        from: [&[S]; 4],
        [a, b]: [&mut [S]; 2],
        transform: impl Fn([S; 4]) -> [S; 4],
    ) {
        four_to_two(from, a, b, transform);
    }

    #[inline]
    fn part<S: Scalar>(
        this: &[S],
        next: &[S],
        [a, b, c, d]: [&mut [S]; 4],
        transform: impl Fn([S; 4]) -> [S; 4],
    ) {
        part_two(this, next, a, b, c, d, transform);
    }

    #[inline]
    fn join<S: Scalar>(
        from: [&[S]; 4],
        line: &mut [S],
        plus: S,
        transform: impl Fn([S; 4]) -> [S; 4],
    ) {
        join_two(from, line, |tile| transform(tile).map(|x| x.add(plus)));
    }
}

impl Form<4, 6> for Four {
    #[inline]
    fn input<S: Scalar>([a, b, c, d, e, f]: [S; 6]) -> [S; 6] {
        let (two, four, five) = (S::of(2.0), S::of(4.0), S::of(5.0));
        let (even, odd) = (e.sub(c.mul(four)), d.sub(b.mul(four)));
        let (near, far) = (e.sub(c), d.sub(b).mul(two));
        [
            a.mul(four).sub(c.mul(five)).add(e),
            even.add(odd),
            even.sub(odd),
            near.add(far),
            near.sub(far),
            b.mul(four).sub(d.mul(five)).add(f),
        ]
    }

    #[inline]
    fn output<S: Scalar>([a, b, c, d, e, f]: [S; 6]) -> [S; 6] {
        let (two, four, eight) = (S::of(2.0), S::of(4.0), S::of(8.0));
        let (p, q, r, s) = (b.add(c), b.sub(c), d.add(e), d.sub(e));
        [a.add(p).add(r), q.add(s.mul(two)), p.add(r.mul(four)), q.add(s.mul(eight)).add(f), e, f]
    }

    #[inline]
    fn filter<S: Scalar>([a, b, c, ..]: [S; 6]) -> [S; 6] {
        let part = |n: f64| S::of(1.0 / n);
        let (outer, middle) = (a.add(c).mul(part(6.0)), b.mul(part(6.0)));
        let (far, half) = (a.mul(part(24.0)).add(c.mul(part(6.0))), b.mul(part(12.0)));
        let none = S::ZERO.sub(outer);
        [a.mul(part(4.0)), none.sub(middle), middle.sub(outer), far.add(half), far.sub(half), c]
    }

    #[inline]
    fn spread<S: Scalar>([a, b, c, d, ..]: [S; 6]) -> [S; 6] {
        let (two, four, eight) = (S::of(2.0), S::of(4.0), S::of(8.0));
        let (even, odd) = (a.add(c), b.add(d));
        let (far, near) = (a.add(c.mul(four)), b.mul(two).add(d.mul(eight)));
        [a, even.add(odd), even.sub(odd), far.add(near), far.sub(near), d]
    }

    #[inline]
    fn collect<S: Scalar>([a, b, c, d, e, f]: [S; 6]) -> [S; 6] {
        let part = |n: f64| S::of(1.0 / n);
        let (p, q, r, s) = (b.add(c), c.sub(b), d.add(e), d.sub(e));
        let p = p.mul(part(6.0));
        [
            a.mul(part(4.0)).sub(p).add(r.mul(part(24.0))),
            q.mul(part(6.0)).add(s.mul(part(12.0))),
            r.mul(part(6.0)).sub(p).add(f),
            d,
            e,
            f,
        ]
    }

    #[inline]
    fn along<S: Scalar>([a, b, c, d, e, f]: [&mut [S]; 6], transform: impl Fn([S; 6]) -> [S; 6]) {
        along_six(a, b, c, d, e, f, transform);
    }

    #[inline]
    fn across<S: Scalar>(
        from: [&[S]; 6],
        [a, b, c, d, e, f]: [&mut [S]; 6],
        transform: impl Fn([S; 6]) -> [S; 6],
    ) {
        six_to_six(from, a, b, c, d, e, f, transform);
    }

    #[inline]
    fn back<S: Scalar>(
        from: [&[S]; 6],
        [a, b, c, d]: [&mut [S]; 4],
        transform: impl Fn([S; 6]) -> [S; 6],
    ) {
        six_to_four(from, a, b, c, d, transform);
    }

    #[inline]
    fn part<S: Scalar>(
        this: &[S],
        next: &[S],
        [a, b, c, d, e, f]: [&mut [S]; 6],
        transform: impl Fn([S; 6]) -> [S; 6],
    ) {
        part_four(this, next, a, b, c, d, e, f, transform);
    }

    #[inline]
    fn join<S: Scalar>(
        from: [&[S]; 6],
        line: &mut [S],
        plus: S,
        transform: impl Fn([S; 6]) -> [S; 6],
    ) {
        join_four(from, line, |tile| transform(tile).map(|x| x.add(plus)));
    }
}

// Each row that is written is an argument of its own: so the compiler knows that nothing else overlaps with it, and takes
// many numbers at once.

#[inline(never)]
fn along_four<S: Scalar>(
    a: &mut [S],
    b: &mut [S],
    c: &mut [S],
    d: &mut [S],
    transform: impl Fn([S; 4]) -> [S; 4],
) {
    for (((a, b), c), d) in a.iter_mut().zip(b).zip(c).zip(d) {
        [*a, *b, *c, *d] = transform([*a, *b, *c, *d]);
    }
}

#[inline(never)]
fn along_six<S: Scalar>(
    a: &mut [S],
    b: &mut [S],
    c: &mut [S],
    d: &mut [S],
    e: &mut [S],
    f: &mut [S],
    transform: impl Fn([S; 6]) -> [S; 6],
) {
    for (((((a, b), c), d), e), f) in a.iter_mut().zip(b).zip(c).zip(d).zip(e).zip(f) {
        [*a, *b, *c, *d, *e, *f] = transform([*a, *b, *c, *d, *e, *f]);
    }
}

/// The numbers of four rows that lie above each other.
fn fours<S: Scalar>([a, b, c, d]: [&[S]; 4]) -> impl Iterator<Item = [S; 4]> {
    a.iter().zip(b).zip(c).zip(d).map(|(((a, b), c), d)| [*a, *b, *c, *d])
}

/// The numbers of six rows that lie above each other.
fn sixes<S: Scalar>([a, b, c, d, e, f]: [&[S]; 6]) -> impl Iterator<Item = [S; 6]> {
    let rows = a.iter().zip(b).zip(c).zip(d).zip(e).zip(f);
    rows.map(|(((((a, b), c), d), e), f)| [*a, *b, *c, *d, *e, *f])
}

#[inline(never)]
fn four_to_four<S: Scalar>(
    from: [&[S]; 4],
    a: &mut [S],
    b: &mut [S],
    c: &mut [S],
    d: &mut [S],
    transform: impl Fn([S; 4]) -> [S; 4],
) {
    for ((((from, a), b), c), d) in fours(from).zip(a).zip(b).zip(c).zip(d) {
        [*a, *b, *c, *d] = transform(from);
    }
}

#[inline(never)]
fn four_to_two<S: Scalar>(
    from: [&[S]; 4],
    a: &mut [S],
    b: &mut [S],
    transform: impl Fn([S; 4]) -> [S; 4],
) {
    for ((from, a), b) in fours(from).zip(a).zip(b) {
        [*a, *b, ..] = transform(from);
    }
}

#[inline(never)]
#[allow(clippy::too_many_arguments, reason = "each row is one")]
fn six_to_six<S: Scalar>(
    from: [&[S]; 6],
    a: &mut [S],
    b: &mut [S],
    c: &mut [S],
    d: &mut [S],
    e: &mut [S],
    f: &mut [S],
    transform: impl Fn([S; 6]) -> [S; 6],
) {
    let rows = sixes(from).zip(a).zip(b).zip(c).zip(d).zip(e).zip(f);
    for ((((((from, a), b), c), d), e), f) in rows {
        [*a, *b, *c, *d, *e, *f] = transform(from);
    }
}

#[inline(never)]
fn six_to_four<S: Scalar>(
    from: [&[S]; 6],
    a: &mut [S],
    b: &mut [S],
    c: &mut [S],
    d: &mut [S],
    transform: impl Fn([S; 6]) -> [S; 6],
) {
    for ((((from, a), b), c), d) in sixes(from).zip(a).zip(b).zip(c).zip(d) {
        [*a, *b, *c, *d, ..] = transform(from);
    }
}

#[inline(never)]
#[allow(clippy::too_many_arguments, reason = "each row is one")]
fn part_two<S: Scalar>(
    this: &[S],
    next: &[S],
    a: &mut [S],
    b: &mut [S],
    c: &mut [S],
    d: &mut [S],
    transform: impl Fn([S; 4]) -> [S; 4],
) {
    let pairs = this.chunks_exact(2).zip(next.chunks_exact(2));
    for (((((this, next), a), b), c), d) in pairs.zip(a).zip(b).zip(c).zip(d) {
        [*a, *b, *c, *d] = transform([this[0], this[1], next[0], next[1]]);
    }
}

#[inline(never)]
#[allow(clippy::too_many_arguments, reason = "each row is one")]
fn part_four<S: Scalar>(
    this: &[S],
    next: &[S],
    a: &mut [S],
    b: &mut [S],
    c: &mut [S],
    d: &mut [S],
    e: &mut [S],
    f: &mut [S],
    transform: impl Fn([S; 6]) -> [S; 6],
) {
    let fours = this.chunks_exact(4).zip(next.chunks_exact(4));
    let tiles = fours.zip(a).zip(b).zip(c).zip(d).zip(e).zip(f);
    for (((((((this, next), a), b), c), d), e), f) in tiles {
        let tile = [this[0], this[1], this[2], this[3], next[0], next[1]];
        [*a, *b, *c, *d, *e, *f] = transform(tile);
    }
}

/// The last tile of a line may not be whole.
#[inline(never)]
fn join_two<S: Scalar>(from: [&[S]; 4], line: &mut [S], transform: impl Fn([S; 4]) -> [S; 4]) {
    let whole = line.len() / 2;
    let mut tiles = line.chunks_exact_mut(2);
    for (tile, from) in tiles.by_ref().zip(fours(from)) {
        [tile[0], tile[1], ..] = transform(from);
    }
    if let [last] = tiles.into_remainder() {
        [*last, ..] = transform(from.map(|row| row[whole]));
    }
}

/// The last tile of a line may not be whole.
#[inline(never)]
fn join_four<S: Scalar>(from: [&[S]; 6], line: &mut [S], transform: impl Fn([S; 6]) -> [S; 6]) {
    let whole = line.len() / 4;
    let mut tiles = line.chunks_exact_mut(4);
    for (tile, from) in tiles.by_ref().zip(sixes(from)) {
        [tile[0], tile[1], tile[2], tile[3], ..] = transform(from);
    }
    let rest = tiles.into_remainder();
    if !rest.is_empty() {
        let last = transform(from.map(|row| row[whole]));
        rest.iter_mut().zip(last).for_each(|(rest, x)| *rest = x);
    }
}
