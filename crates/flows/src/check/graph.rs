//! The order of steps: each after what it needs, otherwise as written; a circle is shown from step to step.

use std::collections::{BTreeMap, BTreeSet};

/// What each step needs, by their numbers in the file.
pub(crate) struct Graph {
    needs: Vec<Vec<usize>>,
}

impl Graph {
    pub(crate) fn new(needs: Vec<Vec<usize>>) -> Self {
        Self { needs }
    }

    /// The steps in order; of those that could be next, the one written first.
    pub(crate) fn order(&self) -> Result<Vec<usize>, Vec<usize>> {
        let mut open: Vec<BTreeSet<usize>> = self
            .needs
            .iter()
            .map(|needs| needs.iter().copied().collect())
            .collect();
        let mut ready: BTreeSet<usize> = (0..open.len()).filter(|step| open[*step].is_empty()).collect();
        let mut needed_by: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
        for (step, needs) in open.iter().enumerate() {
            for need in needs {
                needed_by.entry(*need).or_default().push(step);
            }
        }
        let mut order = Vec::with_capacity(open.len());
        while let Some(step) = ready.pop_first() {
            order.push(step);
            for next in needed_by.remove(&step).unwrap_or_default() {
                open[next].remove(&step);
                if open[next].is_empty() {
                    ready.insert(next);
                }
            }
        }
        if order.len() == open.len() {
            Ok(order)
        } else {
            Err(self.circle(&open))
        }
    }

    /// A shortest circle among the steps that could not be ordered: `[a, b, c, a]`, from the step written first.
    fn circle(&self, open: &[BTreeSet<usize>]) -> Vec<usize> {
        let stuck = (0..open.len()).filter(|step| !open[*step].is_empty());
        let circles = stuck.filter_map(|step| self.way_back(step));
        circles.min_by_key(Vec::len).unwrap_or_default()
    }

    /// The shortest way along needs from a step to itself.
    fn way_back(&self, start: usize) -> Option<Vec<usize>> {
        let mut came_from: BTreeMap<usize, usize> = BTreeMap::new();
        let mut edge = vec![start];
        while !edge.is_empty() {
            let mut next_edge = Vec::new();
            for step in edge {
                for need in &self.needs[step] {
                    if *need == start {
                        return Some(retrace(start, step, &came_from));
                    }
                    if let std::collections::btree_map::Entry::Vacant(place) = came_from.entry(*need) {
                        place.insert(step);
                        next_edge.push(*need);
                    }
                }
            }
            edge = next_edge;
        }
        None
    }

    /// All that come before each step, in the order given.
    pub(crate) fn ancestors(&self, order: &[usize]) -> Vec<BTreeSet<usize>> {
        let mut ancestors: Vec<BTreeSet<usize>> = vec![BTreeSet::new(); self.needs.len()];
        for step in order {
            let mut all: BTreeSet<usize> = self.needs[*step].iter().copied().collect();
            for need in &self.needs[*step] {
                all.extend(ancestors[*need].iter().copied());
            }
            ancestors[*step] = all;
        }
        ancestors
    }
}

fn retrace(start: usize, last: usize, came_from: &BTreeMap<usize, usize>) -> Vec<usize> {
    let mut way = vec![start];
    let mut here = last;
    while here != start {
        way.push(here);
        here = came_from.get(&here).copied().unwrap_or(start);
    }
    way.push(start);
    // Walked from the end back: turn it so that it reads along the needs.
    way.reverse();
    way
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn steps_keep_their_order_unless_they_need_each_other() {
        assert_eq!(
            Graph::new(vec![vec![], vec![], vec![]]).order(),
            Ok(vec![0, 1, 2])
        );
        assert_eq!(
            Graph::new(vec![vec![2], vec![], vec![]]).order(),
            Ok(vec![1, 2, 0])
        );
    }

    #[test]
    fn a_circle_is_shown_from_step_to_step() {
        assert_eq!(
            Graph::new(vec![vec![1], vec![2], vec![0]]).order(),
            Err(vec![0, 1, 2, 0])
        );
        assert_eq!(Graph::new(vec![vec![], vec![1]]).order(), Err(vec![1, 1]));
        assert_eq!(
            Graph::new(vec![vec![1], vec![2], vec![3], vec![1]]).order(),
            Err(vec![1, 2, 3, 1])
        );
    }

    proptest! {
        #[test]
        fn an_order_puts_needs_first_and_a_circle_is_one(
            needs in proptest::collection::vec(proptest::collection::vec(0_usize..8, 0..4), 8),
        ) {
            let graph = Graph::new(needs.clone());
            match graph.order() {
                Ok(order) => for (place, step) in order.iter().enumerate() {
                    for need in &needs[*step] {
                        prop_assert!(order[..place].contains(need));
                    }
                },
                Err(circle) => {
                    prop_assert!(circle.len() >= 2);
                    prop_assert_eq!(circle.first(), circle.last());
                    for pair in circle.windows(2) {
                        prop_assert!(needs[pair[0]].contains(&pair[1]));
                    }
                }
            }
        }
    }
}
