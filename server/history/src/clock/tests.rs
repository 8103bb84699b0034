use super::*;

const DAY_MS: i64 = 24 * HOUR_MS;
const NOW_MS: i64 = 1_800_000_000_000;
/// 19 January 2038.
const YEAR_2038_MS: i64 = 2_147_483_647_000;

/// A machine with a server on it, second by second.
struct World {
    clock: Clock,
    voices: Voices,
    now: Reading,
    boot_id: String,
    kept: Kept,
    /// Node, how far its own clock is ahead of the true time, whether on another machine.
    nodes: Vec<(i64, i64, bool)>,
    true_ms: i64,
    told: Vec<News>,
}

impl World {
    fn new() -> Self {
        let now = Reading {
            wall_ms: NOW_MS,
            boot_ms: DAY_MS,
        };
        let clock = Clock::start(None, None, "a", now);
        Self {
            kept: clock.keep("a"),
            clock,
            voices: Voices::new(now.boot_ms),
            now,
            boot_id: "a".into(),
            nodes: Vec::new(),
            true_ms: NOW_MS,
            told: Vec::new(),
        }
    }

    fn with(nodes: &[(i64, bool)]) -> Self {
        let mut world = Self::new();
        let nodes = (1..).zip(nodes);
        world.nodes = nodes
            .map(|(id, (ahead, other))| (id, *ahead, *other))
            .collect();
        world.goes_on(10 * MINUTE_MS);
        assert_eq!(world.told, []);
        world
    }

    /// All clocks go on, and nodes send each 10 s.
    fn goes_on(&mut self, ms: i64) {
        let end_ms = self.true_ms + ms;
        while self.true_ms < end_ms {
            let step_ms = 10_000.min(end_ms - self.true_ms);
            self.true_ms += step_ms;
            self.now.wall_ms += step_ms;
            self.now.boot_ms += step_ms;
            for &(id, ahead_ms, elsewhere) in &self.nodes {
                let clock_ms = self.true_ms + ahead_ms;
                let boot_ms = self.now.boot_ms;
                self.voices.greet(id, Some(clock_ms - boot_ms));
                self.voices.hear(id, elsewhere, boot_ms);
            }
            self.look();
        }
    }

    fn look(&mut self) {
        let nodes = self.nodes.len();
        let quorum = self.voices.quorum(self.now, || Ok::<_, ()>(nodes)).unwrap();
        self.told.extend(self.clock.look(self.now, quorum));
        self.kept = self.clock.keep(&self.boot_id);
    }

    fn wall_jumps(&mut self, ms: i64) {
        self.now.wall_ms += ms;
    }

    /// The server ends, the time passes, and it starts again; on a boot of its own or not.
    fn restarts(&mut self, away_ms: i64, reboots: bool) {
        self.true_ms += away_ms;
        self.now.wall_ms += away_ms;
        self.now.boot_ms += away_ms;
        if reboots {
            self.now.boot_ms = MINUTE_MS;
            self.boot_id.push('a');
        }
        self.clock = Clock::start(Some(&self.kept), None, &self.boot_id, self.now);
        self.voices = Voices::new(self.now.boot_ms);
    }

    fn is_doubted(&self) -> bool {
        self.clock.doubt().is_some()
    }

    /// How far what counts as now is from the true time.
    fn off_ms(&self) -> i64 {
        self.clock.time_ms(self.now) - self.true_ms
    }
}

const JUMPED: News = News::Doubted(Why::Jumped);

#[test]
fn a_wall_clock_in_2038_is_told_at_once_and_moves_nothing() {
    let mut world = World::with(&[(0, true), (0, true), (0, false)]);
    world.wall_jumps(YEAR_2038_MS - NOW_MS);
    world.goes_on(10_000);
    assert_eq!(world.told, [JUMPED]);
    world.goes_on(30 * HOUR_MS);
    assert!(world.is_doubted() && !world.clock.is_waiting());
    assert_eq!(world.off_ms(), 0);
    // A restart does not make it right, nor is it told again.
    world.restarts(MINUTE_MS, false);
    world.goes_on(HOUR_MS);
    assert_eq!((world.is_doubted(), world.off_ms()), (true, 0));
    assert_eq!(world.told, [JUMPED]);
    world.wall_jumps(world.true_ms - world.now.wall_ms);
    world.goes_on(10_000);
    assert_eq!(world.told, [JUMPED, News::Settled(How::Returned)]);
    assert_eq!(world.off_ms(), 0);
}

#[test]
fn a_clock_in_1970_until_the_network_is_there_is_nothing_to_tell() {
    let mut world = World::with(&[(0, true)]);
    world.restarts(2 * MINUTE_MS, true);
    let right_ms = world.now.wall_ms;
    world.wall_jumps(-right_ms);
    world.clock = Clock::start(Some(&world.kept), None, &world.boot_id, world.now);
    assert!(world.is_doubted());
    // The earlier of both is what counts.
    assert_eq!(world.clock.time_ms(world.now), 0);
    world.goes_on(20_000);
    world.wall_jumps(right_ms);
    world.goes_on(10_000);
    assert_eq!((world.is_doubted(), world.off_ms()), (false, 0));
    assert_eq!(world.told, []);
}

#[test]
fn a_machine_that_was_asleep_has_the_time_that_has_passed() {
    let mut world = World::with(&[(0, false)]);
    // Both clocks have counted it.
    world.true_ms += 9 * HOUR_MS;
    world.now.wall_ms += 9 * HOUR_MS;
    world.now.boot_ms += 9 * HOUR_MS;
    world.goes_on(10_000);
    assert_eq!((world.is_doubted(), world.off_ms()), (false, 0));
    assert_eq!(world.told, []);
}

#[test]
fn corrections_and_an_hour_are_taken_and_many_hours_in_small_steps_are_not() {
    for ahead_ms in [-DRIFT_MS, -1_000, 1_000, DRIFT_MS, HOUR_MS] {
        let mut world = World::with(&[]);
        world.wall_jumps(ahead_ms);
        world.goes_on(10 * MINUTE_MS);
        assert!(!world.is_doubted(), "{ahead_ms}");
        assert_eq!(world.off_ms(), ahead_ms);
    }
    for ahead_ms in [-DRIFT_MS - 1, HOUR_MS + 1] {
        let mut world = World::with(&[]);
        world.wall_jumps(ahead_ms);
        world.look();
        assert_eq!(world.told, [JUMPED], "{ahead_ms}");
    }
    // Four minutes a minute.
    let mut world = World::with(&[]);
    for _ in 0..600 {
        world.wall_jumps(4 * MINUTE_MS);
        world.goes_on(MINUTE_MS);
    }
    assert!(world.is_doubted());
    assert!(world.off_ms() <= STEP_MS + DRIFT_MS, "{}", world.off_ms());
    // An hour once a day is what an ill battery may cost.
    let mut world = World::with(&[]);
    for day in 1..=5 {
        world.wall_jumps(HOUR_MS);
        world.goes_on(DAY_MS);
        assert_eq!((world.is_doubted(), world.off_ms()), (false, day * HOUR_MS));
    }
}

#[test]
fn three_weeks_off_wait_for_the_fleet_and_are_not_told_when_it_agrees_soon() {
    let mut world = World::with(&[(0, true), (0, true)]);
    world.restarts(21 * DAY_MS, true);
    assert!(world.is_doubted() && world.clock.is_waiting());
    world.goes_on(MINUTE_MS);
    assert_eq!(world.off_ms(), -21 * DAY_MS);
    world.goes_on(2 * MINUTE_MS);
    assert_eq!((world.is_doubted(), world.off_ms()), (false, 0));
    assert_eq!(world.told, []);
    // Within one boot it is known how long the server was away.
    world.restarts(21 * DAY_MS, false);
    assert_eq!((world.is_doubted(), world.off_ms()), (false, 0));
    world.goes_on(10_000);
    // Nobody comes back: it is told, and a person says that it is right.
    world.nodes.clear();
    world.restarts(21 * DAY_MS, true);
    world.goes_on(40 * DAY_MS);
    assert_eq!(world.told, [News::Doubted(Why::Restarted)]);
    assert!(!world.clock.is_waiting());
    assert_eq!(world.off_ms(), -21 * DAY_MS);
    let settled = Some(News::Settled(How::Person));
    assert_eq!(world.clock.confirm(world.now), settled);
    assert_eq!((world.is_doubted(), world.off_ms()), (false, 0));
}

#[test]
fn one_node_in_2038_is_no_fleet() {
    let wrong_ms = YEAR_2038_MS - NOW_MS;
    let mut world = World::with(&[(wrong_ms, true), (0, true), (0, true)]);
    world.goes_on(HOUR_MS);
    assert_eq!((world.is_doubted(), world.off_ms()), (false, 0));
    // Also when the server is there with it, and the node is the first to come back.
    let others = world.nodes.split_off(1);
    world.restarts(MINUTE_MS, true);
    world.wall_jumps(wrong_ms);
    world.clock = Clock::start(Some(&world.kept), None, &world.boot_id, world.now);
    world.goes_on(MINUTE_MS);
    world.nodes.extend(others);
    world.goes_on(2 * HOUR_MS);
    assert!(world.is_doubted());
    // The minute that it was away is not known.
    assert_eq!(world.off_ms(), -MINUTE_MS);
}

#[test]
fn the_whole_fleet_is_believed_when_another_machine_is_among_it() {
    let wrong_ms = 400 * DAY_MS;
    let mut world = World::with(&[(wrong_ms, true), (wrong_ms, false), (0, true)]);
    // The server was wrong from the start: now it goes right.
    world.wall_jumps(wrong_ms);
    world.look();
    // Who said it before says it again, with the time that has passed.
    assert_eq!((world.is_doubted(), world.off_ms()), (false, wrong_ms));
    // Told of nothing: it was over before.
    assert_eq!(world.told, []);

    // All on this machine: whose clock it is, too.
    let mut world = World::with(&[(0, false), (0, false)]);
    world.wall_jumps(wrong_ms);
    for node in &mut world.nodes {
        node.1 = wrong_ms;
    }
    world.goes_on(50 * HOUR_MS);
    assert_eq!((world.is_doubted(), world.off_ms()), (true, 0));
}

#[test]
fn who_does_not_say_what_its_clock_says_agrees_to_nothing() {
    let mut world = World::with(&[(0, true), (0, true), (0, true)]);
    world.wall_jumps(-DAY_MS);
    world.look();
    assert_eq!(world.told, [JUMPED]);
    // What comes with the samples only: they take the server's time.
    for id in 1..=3 {
        world.voices.greet(id, None);
    }
    world.wall_jumps(2 * DAY_MS);
    let right_ms = world.now.wall_ms - world.now.boot_ms;
    for id in 1..=2 {
        world.look();
        assert!(world.is_doubted(), "{id}");
        world.voices.greet(id, Some(right_ms));
    }
    // Two of three.
    world.look();
    assert_eq!((world.is_doubted(), world.off_ms()), (false, DAY_MS));
}

#[test]
fn alone_on_a_machine_a_month_is_believed_after_a_steady_hour() {
    let mut world = World::with(&[(0, false)]);
    world.restarts(21 * DAY_MS, true);
    world.goes_on(HOUR_MS - MINUTE_MS);
    assert!(world.is_doubted());
    // Not steady: it begins anew.
    world.wall_jumps(-HOUR_MS);
    world.goes_on(HOUR_MS - MINUTE_MS);
    assert!(world.is_doubted());
    world.goes_on(2 * MINUTE_MS);
    assert_eq!((world.is_doubted(), world.off_ms()), (false, -HOUR_MS));
    assert_eq!(
        world.told,
        [News::Doubted(Why::Restarted), News::Settled(How::Steady)]
    );

    // Another node has samples and is away: it may know better.
    let mut world = World::with(&[(0, false), (0, true)]);
    world.nodes.pop();
    world.restarts(21 * DAY_MS, true);
    let away = |world: &mut World| {
        for _ in 0..600 {
            world.now.wall_ms += MINUTE_MS;
            world.now.boot_ms += MINUTE_MS;
            world.true_ms += MINUTE_MS;
            let boot_ms = world.now.boot_ms;
            world.voices.greet(1, Some(world.true_ms - boot_ms));
            world.voices.hear(1, false, boot_ms);
            let quorum = world.voices.quorum(world.now, || Ok::<_, ()>(2)).unwrap();
            world.clock.look(world.now, quorum);
        }
    };
    away(&mut world);
    assert!(world.is_doubted());
}

#[test]
fn a_clock_that_goes_to_and_fro_is_not_told_each_time() {
    let mut world = World::with(&[]);
    for _ in 0..300 {
        world.wall_jumps(10 * DAY_MS);
        world.goes_on(10_000);
        world.wall_jumps(-10 * DAY_MS);
        world.goes_on(10_000);
    }
    // 100 minutes.
    let doubts = world.told.iter().filter(|news| **news == JUMPED);
    assert!((9..=11).contains(&doubts.count()), "{:?}", world.told);
    assert_eq!(world.off_ms(), 0);
}

#[test]
fn without_an_agreed_time_the_median_of_the_samples_is_where_it_begins() {
    let now = Reading {
        wall_ms: YEAR_2038_MS,
        boot_ms: 5_000,
    };
    let clock = Clock::start(None, Some(NOW_MS), "a", now);
    assert_eq!(clock.time_ms(now), NOW_MS);
    assert_eq!(clock.doubt(), Some((Why::FirstStart, NOW_MS)));
    let now = Reading {
        wall_ms: NOW_MS + HOUR_MS,
        boot_ms: 5_000,
    };
    let clock = Clock::start(None, Some(NOW_MS), "a", now);
    assert_eq!((clock.time_ms(now), clock.doubt()), (now.wall_ms, None));
}

#[test]
fn times_at_the_ends_of_numbers_break_nothing() {
    let ends = [i64::MIN, -1, 0, 1, i64::MAX];
    for wall_ms in ends {
        for agreed_ms in ends {
            let kept = Kept {
                agreed_ms,
                boot_ms: 0,
                boot_id: "a".into(),
                since_ms: None,
            };
            let now = Reading {
                wall_ms,
                boot_ms: 7 * DAY_MS,
            };
            let mut clock = Clock::start(Some(&kept), None, "a", now);
            let mut voices = Voices::new(0);
            voices.greet(1, Some(agreed_ms));
            voices.hear(1, true, now.boot_ms);
            let quorum = voices.quorum(now, || Ok::<_, ()>(1)).unwrap();
            clock.look(now, quorum);
            assert!(clock.time_ms(now) <= wall_ms.max(clock.agreed_ms(now)));
        }
    }
}
