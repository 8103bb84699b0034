//! `/metrics`: who may read it, and that hostile names stay inside their quotes.

use std::os::unix::fs::PermissionsExt;
use std::sync::Arc;

use serde_json::json;
use stardust_shared::message::Hello;
use stardust_shared::{Layout, SeriesDef};

use super::{Call, PASSWORD, Server, USER};
use crate::auth::ScrapeToken;
use stardust_base::testing::Folder;

const TOKEN: &str = "0123456789abcdef0123456789abcdef";

fn with_token() -> (Server, Folder) {
    let folder = Folder::new();
    let path = folder.join("token");
    std::fs::write(&path, format!("{TOKEN}\n")).unwrap();
    std::fs::set_permissions(&path, PermissionsExt::from_mode(0o600)).unwrap();
    let server = Server::with(USER, PASSWORD, |config| {
        config.metrics_token_file = Some(path);
    });
    (server, folder)
}

#[test]
fn a_scraper_reads_metrics_and_nothing_else() {
    let (server, _folder) = with_token();
    let status = |target: &str, token: &str| server.send(&Call::get(target).bearer(token)).status;
    assert_eq!(status("/metrics", TOKEN), 200);
    assert_eq!(status("/metrics", &server.token()), 200);
    for wrong in ["", &TOKEN[1..], &format!("{TOKEN}0"), "Bearer"] {
        assert_eq!(status("/metrics", wrong), 401, "{wrong:?}");
    }
    assert_eq!(server.send(&Call::get("/metrics")).status, 401);
    for other in ["/api/nodes", "/api/auth/session", "/api/nodes/1/stats"] {
        assert_eq!(status(other, TOKEN), 401, "{other}");
    }
    assert_eq!(status("/metrics?only=all", TOKEN), 400);
    // While one is served, another is asked to come again.
    let guard = server.app.health.scraping.lock().unwrap();
    let busy = server.send(&Call::get("/metrics").bearer(TOKEN));
    assert_eq!((busy.status, busy.header("Retry-After")), (503, Some("2")));
    drop(guard);
}

#[test]
fn without_a_token_file_only_logins_are_taken() {
    let server = Server::new();
    let scrape = |token: &str| server.send(&Call::get("/metrics").bearer(token)).status;
    assert_eq!((scrape(TOKEN), scrape("")), (401, 401));
    assert_eq!(scrape(&server.token()), 200);
}

#[test]
fn token_files_that_hold_no_secret_are_refused() {
    let folder = Folder::new();
    for (text, good) in [
        (TOKEN.to_string(), true),
        (format!("  {TOKEN}\r\n"), true),
        ("a".repeat(15), false),
        (format!("{TOKEN} {TOKEN}"), false),
        (String::new(), false),
        ("x".repeat(2_000), false),
    ] {
        let path = folder.join("token");
        std::fs::write(&path, &text).unwrap();
        let read = ScrapeToken::read(&path);
        assert_eq!(read.is_ok(), good, "{text:?}");
        let said = read.err().map_or(String::new(), |error| error.to_string());
        assert!(text.is_empty() || !said.contains(&text), "{said}");
    }
    assert!(ScrapeToken::read(&folder.join("missing")).is_err());
    assert!(ScrapeToken::read(folder.path()).is_err());
}

#[test]
fn samples_are_there_under_standard_names() {
    let (server, _folder) = with_token();
    let token = server.token();
    let name = "a\"b\\c} 1";
    let add = Call::new("POST", "/api/nodes").json(&json!({"name": name}));
    let id = server.send(&add.bearer(&token)).json()["id"]
        .as_i64()
        .unwrap();
    let layout = Arc::new(Layout::new(
        1,
        vec![
            SeriesDef::new("cpu.user_ms", &[("core", "0")]),
            SeriesDef::new("cpu.user_ms", &[]),
            SeriesDef::new("temp.celsius_milli", &[("sensor", "a\nb\"c")]),
            SeriesDef::new("mem.total_bytes", &[]),
        ],
    ));
    let values = [1_230, 1_230, -5_250, stardust_shared::ABSENT];
    let hello: Hello = serde_json::from_value(json!({
        "type": "hello", "protocol": 1, "version": "0.1.0", "run": "r", "boot_id": "b",
        "oldest_seq": 0, "newest_seq": 0, "interval_ms": 1000, "identity": {"os": "Debian \"12\""},
    }))
    .unwrap();
    server.app.fleet.with_node(id, |node| {
        node.hello(&hello, &[0; 32], "192.0.2.7", 1_000, 5);
        node.sample(&layout, (1, 1_790_000_000_500), &values, 6);
    });
    let read = |only: &str| {
        let call = Call::get(&format!("/metrics{only}")).bearer(TOKEN);
        let answer = server.send(&call);
        assert_eq!(
            answer.header("Content-Type"),
            Some("text/plain; version=0.0.4; charset=utf-8")
        );
        String::from_utf8(answer.body).unwrap()
    };
    let all = read("");
    let node = r#"node="a\"b\\c} 1""#;
    for line in [
        format!("node_cpu_seconds_total{{{node},mode=\"user\",cpu=\"0\"}} 1.230"),
        format!("node_hwmon_temp_celsius{{{node},sensor=\"a\\nb\\\"c\"}} -5.250"),
        format!("stardust_node_online{{{node}}} 1"),
        format!("stardust_node_last_sample_timestamp_seconds{{{node}}} 1790000000.500"),
        format!("stardust_node_info{{{node},spider_version=\"0.1.0\",os=\"Debian \\\"12\\\"\"}} 1"),
        "stardust_nodes{status=\"online\"} 1".to_string(),
        "# TYPE node_cpu_seconds_total counter".to_string(),
    ] {
        assert!(
            all.lines().any(|have| have == line),
            "{line}\nis not in\n{all}"
        );
    }
    assert!(
        !all.contains("node_memory_total_bytes{"),
        "absent is not zero: {all}"
    );
    assert!(all.contains("process_resident_memory_bytes "));
    let fleet = read("?only=fleet");
    assert!(fleet.contains("node_cpu") && !fleet.contains("process_"));
    let own = read("?only=server");
    assert!(!own.contains("node_cpu") && own.contains("process_"));
    // What an offline node said last is not so any more.
    server
        .app
        .fleet
        .with_node(id, |node| node.offline("gone", 7));
    let fleet = read("?only=fleet");
    assert!(
        fleet.contains(&format!("stardust_node_online{{{node}}} 0")),
        "{fleet}"
    );
    assert!(!fleet.contains("node_cpu_seconds_total{"), "{fleet}");
}
