//! How often a change of the list of series is told. Pure.
//!
//! A list is the largest thing on the wire, and a server takes only so many of them.
//! Where containers come and go all the time, a change that comes too soon waits, and
//! is told together with those after it; until then the samples are those of the list
//! that was told: what is gone is absent, what is new is not there yet.

use std::collections::HashMap;

use stardust_shared::limits::{OWN_LAYOUT_MS, OWN_LAYOUTS_AT_ONCE};
use stardust_shared::{ABSENT, SeriesDef};

const COST_MS: i64 = OWN_LAYOUT_MS as i64;
const LEFT_MS_MAX: i64 = COST_MS * OWN_LAYOUTS_AT_ONCE as i64;

#[derive(Debug)]
pub struct Changes {
    /// The sampler's generation that was told.
    told: Option<u64>,
    left_ms: i64,
    at_ms: i64,
    /// The generation that waits, and where in its list those of the told one are.
    waiting: Option<u64>,
    places: Vec<Option<u32>>,
    values: Vec<i64>,
}

impl Default for Changes {
    fn default() -> Self {
        Self {
            told: None,
            left_ms: LEFT_MS_MAX,
            at_ms: 0,
            waiting: None,
            places: Vec::new(),
            values: Vec::new(),
        }
    }
}

impl Changes {
    /// Whether a sample of that generation may go as it is.
    pub fn take(&mut self, generation: u64, now_ms: i64) -> bool {
        if self.told == Some(generation) {
            self.forget_waiting();
            return true;
        }
        let passed_ms = now_ms.saturating_sub(self.at_ms).max(0);
        self.left_ms = self.left_ms.saturating_add(passed_ms).min(LEFT_MS_MAX);
        self.at_ms = now_ms;
        if self.left_ms < COST_MS {
            return false;
        }
        self.left_ms -= COST_MS;
        self.told = Some(generation);
        self.forget_waiting();
        true
    }

    /// The generation that was told last, and its values of a sample of another one.
    pub fn as_told(
        &mut self,
        told: &[SeriesDef],
        generation: u64,
        series: &[SeriesDef],
        values: &[i64],
    ) -> (u64, &[i64]) {
        if self.waiting != Some(generation) {
            self.waiting = Some(generation);
            let places = series.iter().zip(0u32..);
            let places: HashMap<&str, u32> = places.map(|(def, at)| (&*def.key, at)).collect();
            self.places.clear();
            let told = told.iter().map(|def| places.get(&*def.key).copied());
            self.places.extend(told);
        }
        self.values.clear();
        let value = |place: Option<u32>| values.get(place? as usize).copied();
        let all = self.places.iter().map(|place| value(*place));
        self.values.extend(all.map(|value| value.unwrap_or(ABSENT)));
        (self.told.unwrap_or_default(), &self.values)
    }

    fn forget_waiting(&mut self) {
        if self.waiting.take().is_some() {
            (self.places, self.values) = (Vec::new(), Vec::new());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_start_is_told_at_once_and_restlessness_every_two_seconds() {
        let mut changes = Changes::default();
        // Five samples a second, and each has other series.
        let told: Vec<u64> = (1..=500)
            .filter(|n| changes.take(*n, 1_000 + *n as i64 * 200))
            .collect();
        assert_eq!(told[..20], (1..=20).collect::<Vec<_>>());
        // In a hundred seconds; what ran out of was filled up on the way.
        assert!((68..=71).contains(&told.len()), "{}", told.len());
        // The last one of those that waited is told when it is time.
        assert!(!changes.take(501, 101_100));
        assert!(changes.take(501, 103_100));
        assert!(changes.take(501, 103_100));
        // One change in two seconds is told as it comes.
        assert!((0..10_000).all(|n| changes.take(502 + n, 105_100 + n as i64 * 2_000)));
    }

    #[test]
    fn until_then_the_samples_are_those_of_the_list_that_was_told() {
        let list = |names: &[&str]| -> Vec<SeriesDef> {
            names.iter().map(|name| SeriesDef::new(name, &[])).collect()
        };
        let mut changes = Changes::default();
        while changes.take(changes.told.unwrap_or(0) + 1, 0) {}
        let told = list(&["a", "b", "c"]);
        let generation = changes.told.unwrap();
        let (as_told, values) = changes.as_told(&told, 90, &list(&["c", "x", "a"]), &[3, 9, 1]);
        assert_eq!((as_told, values), (generation, &[1, ABSENT, 3][..]));
        let (_, values) = changes.as_told(&told, 90, &[], &[30, 90, 10]);
        assert_eq!(values, [10, ABSENT, 30]);
        let (_, values) = changes.as_told(&told, 91, &list(&["b"]), &[2]);
        assert_eq!(values, [ABSENT, 2, ABSENT]);
        assert!(changes.take(generation, 0));
        assert!(changes.values.capacity() == 0);
    }
}
