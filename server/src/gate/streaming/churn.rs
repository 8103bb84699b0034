//! A host whose containers come and go all the time, ten hours of it played fast: what
//! the gate holds of it must not grow.
//!
//! The gate's own code takes the messages in, at the times at which they would come;
//! what it would hand to the writer is dropped every ten seconds.

use std::process::{Command, Stdio};
use std::time::Duration;

use stardust_shared::layout::Change;
use stardust_shared::message::Hello;
use stardust_shared::{SeriesDef, State};

use super::super::core::{LoopTurn, Services};
use super::*;
use crate::auth::AdminSeed;
use crate::auth::{Auth, Cost};
use crate::history::{HelloSeen, Intakes};
use crate::jobs::Board;
use crate::secret::Secret;
use crate::store::Store;
use stardust_base::testing::Folder;

const HOURS: u64 = 10;
/// Twenty of them start and stop in a minute.
const CONTAINERS: usize = 20;
const CHANGE_S: u64 = 3;
const NODE: i64 = 1;
/// Set where this test runs in a process of its own.
const ALONE: &str = "STARDUST_TEST_ALONE";

fn core(folder: &Folder) -> Core {
    let store = Arc::new(Store::open(&folder.join("db")).unwrap());
    let node = store.insert_node("host", &[], [7; 32], 0).unwrap();
    let admin = AdminSeed {
        user: "ziggy".into(),
        password: Secret::new("played guitar".into()),
        ..AdminSeed::default()
    };
    let (secret, cost) = (Secret::new("0123456789abcdef".into()), Cost::CHEAP);
    let auth = Auth::open_with(Arc::clone(&store), &secret, &admin, Arc::new(|_| {}), cost);
    assert_eq!(node.id, NODE);
    Core::new(
        Services {
            fleet: Arc::new(hub::Fleet::new(vec![node], 0)),
            jobs: Board::open(store).unwrap(),
            auth: Arc::new(auth.unwrap()),
            trusted_proxies: Vec::new(),
            networks: Default::default(),
            hosts: crate::gate::host::Hosts::new(None, &[]),
            interval_ms: None,
            api_socket: Default::default(),
        },
        Intakes::default(),
        LoopTurn {
            now: Instant::now(),
            wall_ms: 1_790_000_000_000,
            scratch: Vec::new(),
            inbox: Vec::new(),
        },
    )
}

fn interface(name: &str) -> impl Iterator<Item = SeriesDef> {
    let names = ["rx_bytes", "rx_packets", "tx_bytes", "tx_packets"];
    let more = ["rx_errors", "rx_dropped", "tx_errors", "tx_dropped"];
    let names = names.into_iter().chain(more);
    names.map(move |series| SeriesDef::new(&format!("net.{series}"), &[("iface", name)]))
}

fn resident_kb() -> u64 {
    let text = std::fs::read_to_string("/proc/self/statm").unwrap();
    let pages: u64 = text.split(' ').nth(1).unwrap().parse().unwrap();
    pages * 4
}

#[test]
fn ten_hours_of_containers_that_come_and_go_grow_nothing() {
    if std::env::var_os(ALONE).is_none() {
        // Other tests of this process would be measured too.
        let name = std::thread::current().name().unwrap().to_owned();
        let alone = Command::new(std::env::current_exe().unwrap())
            .args([&name, "--exact", "--nocapture", "--test-threads=1"])
            .env(ALONE, "1")
            .stdin(Stdio::null())
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&alone.stdout);
        let wrong = String::from_utf8_lossy(&alone.stderr);
        print!("{said}");
        assert!(
            alone.status.success() && said.contains("1 passed"),
            "{wrong}"
        );
        return;
    }
    let folder = Folder::new();
    let mut core = core(&folder);
    let hello = Hello {
        kind: Hello::KIND.into(),
        protocol: 1,
        version: "0".into(),
        run: "run".into(),
        boot_id: "boot".into(),
        oldest_seq: 0,
        newest_seq: 0,
        interval_ms: 1_000,
        outage: None,
        clock_ms: None,
        identity: Default::default(),
    };
    let seen = HelloSeen {
        time_ms: core.turn.wall_ms,
        address: String::new(),
        version: String::new(),
        identity: Default::default(),
    };
    let rates = Rates::new(1_000, 0);
    let (_, intake) = core.telemetry.intakes.open(NODE, &hello, 1_000, seen);
    let places = Where {
        live: core.services.fleet.place(NODE).unwrap(),
        intake,
    };
    let session = Session {
        places,
        run: "run".into(),
        rates,
    };
    let pace = Pace::new(None, rates, core.turn.now);
    let mut streaming = Streaming::new(session, pace, 0, core.turn.now);

    let own = (0..92).map(|n| SeriesDef::new("x", &[("n", &n.to_string())]));
    let mut series: Vec<SeriesDef> = own.chain(interface("eth0")).collect();
    let mut layout = Layout::new(1, series.clone());
    let (mut state, mut message) = (State::default(), Vec::new());
    let mut values = vec![1_000; series.len()];
    state.start(&layout, 1, core.turn.wall_ms, &values);
    layout.encode(&mut message);
    assert_eq!(streaming.binary(NODE, &message, &mut core), Ok(true));
    message = vec![samples::KIND_SAMPLES];
    state.encode_keyframe(&layout, 0, &mut message);
    assert_eq!(streaming.binary(NODE, &message, &mut core), Ok(true));

    let (mut changes, mut change_bytes, mut hours_kb) = (0, 0, Vec::new());
    for second in 1..=HOURS * 3_600 {
        core.turn.now += Duration::from_secs(1);
        core.turn.wall_ms += 1_000;
        if second % CHANGE_S == 0 {
            // One comes, and where there are enough the oldest goes.
            if series.len() >= 100 + CONTAINERS * 8 {
                series.drain(100..108);
                values.drain(100..108);
            }
            let name = format!("veth{:07x}", second * 0x2f_1d37 % (1 << 28));
            series.extend(interface(&name));
            values.resize(series.len(), 40_000);
            let change = Change::between(&layout, layout.id() + 1, &series).unwrap();
            message.clear();
            change.encode(&layout, &mut message);
            (changes, change_bytes) = (changes + 1, change_bytes + message.len());
            assert_eq!(streaming.binary(NODE, &message, &mut core), Ok(true));
            state.change(&layout, &change);
            layout = change.apply(&layout);
        }
        values.iter_mut().step_by(3).for_each(|value| *value += 700);
        message = vec![samples::KIND_SAMPLES];
        let seq = state.seq + 1;
        state.encode_delta(&layout, seq, core.turn.wall_ms, &values, &mut message);
        assert_eq!(streaming.binary(NODE, &message, &mut core), Ok(true));
        if second % 10 == 0 {
            if second % 600 == 0 {
                // What was changed on the way reads back from the blocks.
                let mut pending = 0;
                core.telemetry
                    .intakes
                    .for_each_pending(NODE, &mut |_, _| pending += 1);
                assert_eq!(pending, 10);
                let last = &mut |block: &Layout, held: &State| {
                    if held.seq == seq {
                        assert_eq!(block.series(), series);
                        assert_eq!(held.scaled(), state.scaled());
                    }
                };
                core.telemetry.intakes.for_each_pending(NODE, last);
            }
            let batch = core.telemetry.intakes.seal().unwrap();
            core.telemetry.intakes.committed(&batch.committed());
        }
        if second % 3_600 == 0 {
            hours_kb.push(resident_kb());
        }
    }
    println!(
        "{changes} changes of {} bytes each; resident after each hour, in KB: {hours_kb:?}",
        change_bytes / changes
    );
    assert!(change_bytes / changes <= 300);
    let grown_kb = hours_kb[HOURS as usize - 1].saturating_sub(hours_kb[0]);
    assert!(grown_kb < 1_024, "{grown_kb} KB in nine hours");
}
