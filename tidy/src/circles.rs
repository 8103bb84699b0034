//! Which files are in a circle of imports. Pure.

use std::collections::BTreeSet;

/// The groups of files of which each leads to each other one, the largest first. `edges`
/// says of each file which it names.
pub fn circles(edges: &[BTreeSet<usize>]) -> Vec<Vec<usize>> {
    let reach: Vec<BTreeSet<usize>> = (0..edges.len()).map(|file| reached(edges, file)).collect();
    let mut taken: BTreeSet<usize> = BTreeSet::new();
    let mut circles = Vec::new();
    for file in 0..edges.len() {
        if !reach[file].contains(&file) || taken.contains(&file) {
            continue;
        }
        let circle: Vec<usize> = reach[file]
            .iter()
            .copied()
            .filter(|&other| reach[other].contains(&file))
            .collect();
        taken.extend(&circle);
        circles.push(circle);
    }
    circles.sort_by_key(|circle| std::cmp::Reverse(circle.len()));
    circles
}

fn reached(edges: &[BTreeSet<usize>], from: usize) -> BTreeSet<usize> {
    let mut reached = BTreeSet::new();
    let mut next: Vec<usize> = edges[from].iter().copied().collect();
    while let Some(file) = next.pop() {
        if reached.insert(file) {
            next.extend(&edges[file]);
        }
    }
    reached
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn circles_are_found_whole_and_apart() {
        let edges = [vec![1], vec![2], vec![0, 3], vec![4], vec![3, 5], vec![]];
        let edges = edges.map(BTreeSet::from_iter);
        assert_eq!(circles(&edges), [vec![0, 1, 2], vec![3, 4]]);
        assert!(circles(&edges[5..]).is_empty());
    }
}
