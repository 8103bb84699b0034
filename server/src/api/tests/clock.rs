//! A person's word on the clock.

use serde_json::json;

use super::schema::check;
use super::{Call, Operator};
use crate::clock::wall_ms;

#[test]
fn the_clock_is_right_where_it_says_what_a_person_says() {
    let operator = Operator::new();
    let health = operator.get("/api/history/health");
    check("HistoryHealth", &health.json());
    assert_eq!(health.json()["writer"]["state"], "ok");
    let say = |now: i64| operator.post("/api/history/clock", &json!({"now": now}));
    let right = say(wall_ms());
    assert_eq!(right.status, 200);
    check("HistoryClock", &right.json());
    assert_eq!(right.json()["state"], "ok");
    let wrong = say(wall_ms() - 3_600_000);
    assert_eq!((wrong.status, wrong.kind().as_str()), (409, "conflict"));
    for now in [-1, 253_402_300_800_000] {
        assert_eq!(say(now).status, 400);
    }
    for body in [
        json!({}),
        json!({"now": "now"}),
        json!({"now": 5, "by": "me"}),
    ] {
        assert_eq!(operator.post("/api/history/clock", &body).status, 400);
    }
    // It was in no doubt, so there is nothing to tell.
    let events = operator.get("/api/events?kind=clock_settled&kind=clock_doubted");
    assert_eq!(events.json()["events"], json!([]));
    let metrics = operator.send(Call::get("/metrics?only=server"));
    let metrics = String::from_utf8(metrics.body).unwrap();
    assert!(metrics.contains("\nstardust_history_clock_doubted 0\n"));
}
