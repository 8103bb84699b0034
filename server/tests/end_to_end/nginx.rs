//! Debian's nginx in front: upstream keep-alive, Upgrade passed on, Host kept.

mod proxy;
mod tls;

use std::time::Duration;

use crate::behind_proxy::{self, Kept};
use crate::common::{
    Live, LiveEvent, PATIENCE, Setup, Spider, WebSocket, eventually, stored, upgrade, upgrade_on,
};

#[test]
fn all_works_through_nginx() {
    let Some(binary) = proxy::binary() else {
        return;
    };
    let ground_control = Setup::new().args(&["--trusted-proxy", "127.0.0.1"]).start();
    let nginx = proxy::plain(&binary, ground_control.address);
    behind_proxy::all_works(nginx.address);
}

#[test]
fn upgrades_on_kept_connections_always_find_their_way() {
    let Some(binary) = proxy::binary() else {
        return;
    };
    let ground_control = Setup::new().start();
    let nginx = proxy::plain(&binary, ground_control.address);
    let session = ground_control.login();
    let bearer = session.bearer();
    for round in 0..10 {
        let mut kept = Kept::open(nginx.address);
        // Requests, and an Upgrade that is refused, before the one that counts.
        for _ in 0..round % 4 {
            assert_eq!(kept.get("/healthz", &[]).status, 200);
            assert_eq!(
                kept.get("/api/nodes", &[("Authorization", &bearer)]).status,
                200
            );
        }
        let wrong = [("Authorization", "Bearer wrong")];
        let refused = upgrade_on(
            kept.stream.try_clone().unwrap(),
            "/live",
            &kept.host,
            &wrong,
        )
        .0;
        assert_eq!(refused.status, 401, "round {round}");
        assert_eq!(kept.get("/healthz", &[]).json()["status"], "ok");
        let good = [("Authorization", bearer.as_str())];
        let (answer, stream) = upgrade_on(kept.stream, "/live", &kept.host, &good);
        assert_eq!(answer.status, 101, "round {round}: {}", answer.text());
        let mut live = Live {
            socket: WebSocket::new(stream),
        };
        match live.next(PATIENCE) {
            LiveEvent::Json(message) => assert_eq!(message["type"], "snapshot"),
            other => panic!("round {round}: {other:?}"),
        }
    }
}

#[test]
fn a_restart_behind_nginx_loses_nothing() {
    let Some(binary) = proxy::binary() else {
        return;
    };
    let setup = Setup::new()
        .fixed_port()
        .args(&["--commit-interval", "1500"]);
    let mut ground_control = setup.start();
    let nginx = proxy::plain(&binary, ground_control.address);
    let session = ground_control.login();
    let node = session.add_node("behind-nginx");
    let url = format!("ws://{}", nginx.address);
    let spider = Spider::start(&url, &node.token, 200, &[]);
    let database = ground_control.setup.database();
    let reached = |seq: u64| {
        eventually(&format!("sequence {seq} is durable"), || {
            Some(stored(&database, node.id)).filter(|stored| stored.last_seq() >= seq)
        })
    };
    reached(5);
    ground_control.kill();
    // nginx answers 502 meanwhile.
    std::thread::sleep(Duration::from_secs(3));
    assert_eq!(upgrade(nginx.address, "/ws", &[]).0.status, 502);
    let before = stored(&database, node.id).last_seq();
    ground_control.start_again();
    reached(before + 25).assert_complete();
    drop(spider);
}
