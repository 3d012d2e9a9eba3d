//! Sets of ordinals as sorted, disjoint, non-touching spans.

use flatrender_protocol::Span;

/// Adds a span.
pub fn add(set: &mut Vec<Span>, span: Span) {
    let from = set.partition_point(|s| s.hi < span.lo);
    let to = set.partition_point(|s| s.lo <= span.hi);
    let joined = set[from..to].iter().fold(span, |joined, s| Span {
        lo: joined.lo.min(s.lo),
        hi: joined.hi.max(s.hi),
    });
    set.splice(from..to, [joined]);
}

/// Takes a span out, whatever of it is there.
pub fn remove(set: &mut Vec<Span>, span: Span) {
    let from = set.partition_point(|s| s.hi <= span.lo);
    let to = set.partition_point(|s| s.lo < span.hi);
    let mut rest = Vec::with_capacity(2);
    if let (Some(first), Some(last)) = (set[from..to].first(), set[from..to].last()) {
        rest.extend(Span::new(first.lo, span.lo));
        rest.extend(Span::new(span.hi, last.hi));
    }
    set.splice(from..to, rest);
}

/// What of `span` is not in `set`, in order.
pub fn missing(set: &[Span], span: Span) -> Vec<Span> {
    let mut rest = vec![span];
    for s in &set[set.partition_point(|s| s.hi <= span.lo)..] {
        if s.lo >= span.hi {
            break;
        }
        remove(&mut rest, *s);
    }
    rest
}

/// How many ordinals.
pub fn count(set: &[Span]) -> u32 {
    set.iter().map(|s| s.len()).sum()
}

/// Whether an ordinal is in the set.
pub fn contains(set: &[Span], ordinal: u32) -> bool {
    set.get(set.partition_point(|s| s.hi <= ordinal))
        .is_some_and(|s| s.lo <= ordinal)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    fn all(set: &[Span]) -> BTreeSet<u32> {
        set.iter().flat_map(|s| s.ordinals()).collect()
    }

    proptest! {
        #[test]
        fn spans_behave_as_a_set(steps in proptest::collection::vec((any::<bool>(), 0u32..60, 1u32..20), 0..40)) {
            let mut set = Vec::new();
            let mut model = BTreeSet::new();
            for (adds, lo, length) in steps {
                let span = Span { lo, hi: lo + length };
                let before = all(&set);
                let gaps = all(&missing(&set, span));
                prop_assert_eq!(&gaps, &span.ordinals().filter(|o| !before.contains(o)).collect());
                if adds {
                    add(&mut set, span);
                    model.extend(span.ordinals());
                } else {
                    remove(&mut set, span);
                    model.retain(|o| !span.contains(*o));
                }
                prop_assert_eq!(&all(&set), &model);
                prop_assert_eq!(count(&set) as usize, model.len());
                prop_assert!(set.windows(2).all(|w| w[0].hi < w[1].lo), "sorted and apart: {:?}", set);
                prop_assert_eq!(contains(&set, lo), model.contains(&lo));
            }
        }
    }
}
