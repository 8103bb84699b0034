//! What counters say per second, between two samples.

/// Change of a counter. A counter that went backwards was reset: it counted
/// from 0 to `now` since (the same rule as Prometheus' `increase`).
pub fn increase(before: i64, now: i64) -> i64 {
    if now >= before {
        now.saturating_sub(before)
    } else {
        now.max(0)
    }
}

/// Change per second; `None` when no time has passed.
pub fn per_second(increase: i64, elapsed_ms: i64) -> Option<f64> {
    (elapsed_ms > 0).then(|| increase as f64 * 1000.0 / elapsed_ms as f64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reset_counts_from_zero() {
        assert_eq!(increase(10, 25), 15);
        assert_eq!(increase(10, 4), 4);
        assert_eq!(increase(i64::MIN, i64::MAX), i64::MAX);
        assert_eq!(increase(10, -4), 0);
        assert_eq!(per_second(500, 250), Some(2000.0));
        assert_eq!(per_second(500, 0), None);
        assert_eq!(per_second(500, -5), None);
    }
}
