//! Every collector's parser, over the same bytes.
#![no_main]

use libfuzzer_sys::fuzz_target;
use stardust_spider::collect::{
    cpu, disk, load, memory, network, statfs, tcp, temperature, text, throttle, uptime,
};

fuzz_target!(|bytes: &[u8]| {
    cpu::parse_stat(bytes, |_, _| {});
    disk::parse_diskstats(bytes, |name, _| assert!(!name.is_empty()));
    let _ = disk::parse_stat(bytes);
    let _ = load::parse_loadavg(bytes);
    let _ = memory::parse_meminfo(bytes);
    let _ = memory::parse_arcstats(bytes);
    for controller in [&b""[..], b"memory"] {
        let path = memory::parse_cgroup(bytes, controller);
        assert!(path.is_none_or(|path| path.starts_with('/') && !path.contains("/../")));
    }
    let _ = network::parse_operstate(bytes);
    assert!(network::parse_speed(bytes).is_none_or(|speed| speed > 0));
    let _ = network::kind::by_name(bytes);
    disk::parse_diskstats(bytes, |name, activity| {
        let _ = disk::with_paths(bytes, name, activity);
    });
    let _ = temperature::parse_fault(bytes);
    let _ = throttle::parse_alarm(bytes);
    network::parse_net_dev(bytes, |name, _| assert!(!name.is_empty()));
    let _ = statfs::parse_fixture(bytes, b"/");
    for protocol in [&b"TCP"[..], b"TCP6", b"UDP"] {
        let _ = tcp::parse_sockstat(bytes, protocol);
    }
    let _ = tcp::parse_curr_estab(bytes);
    let _ = temperature::parse_celsius_milli(bytes);
    let _ = throttle::parse_throttled(bytes);
    let _ = uptime::parse_uptime(bytes);
    assert!(text::unescape_octal(bytes).count() <= bytes.len());
    for decimals in 0..4 {
        let _ = text::fixed(bytes, decimals);
    }
});
