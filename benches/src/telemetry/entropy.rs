//! How small a column can get without looking at more than one value at a time.

use std::collections::HashMap;

/// Bytes of a column by the order-0 entropy of its differences, with the table
/// of probabilities for nothing. What repeats, and what goes with the value
/// before, can still be smaller.
pub fn entropy_bytes(column: &[i64]) -> f64 {
    let mut counts: HashMap<i64, usize> = HashMap::new();
    for pair in column.windows(2) {
        *counts.entry(pair[1].wrapping_sub(pair[0])).or_default() += 1;
    }
    let all = column.len().saturating_sub(1) as f64;
    let bits = counts
        .values()
        .map(|&count| -(count as f64) * (count as f64 / all).log2());
    bits.sum::<f64>() / 8.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn steady_is_nothing_and_a_coin_is_a_bit() {
        let steady: Vec<i64> = (0..1_000).map(|n| n * 7).collect();
        assert!(entropy_bytes(&steady).abs() < 1e-9);
        let coin: Vec<i64> = (0..1_001).map(|n| n / 2).collect();
        assert!((entropy_bytes(&coin) - 125.0).abs() < 1e-9);
    }
}
