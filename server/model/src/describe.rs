//! An event in a sentence, for people. Names and reasons come from outside: what
//! shows them takes them as text.

use serde_json::Value;

use crate::event::{CHANGE, CLOCK_DOUBTED, CLOCK_SETTLED, Event, SIGN_IN_FAILED};
use crate::gap::GapCause;

/// What happened, without the node's name.
pub fn text(event: &Event) -> String {
    let detail = &event.detail;
    let word = |name: &str| detail[name].as_str().unwrap_or("?");
    match event.kind.as_str() {
        "online" => match detail["offline_ms"].as_i64() {
            Some(ms) => format!("Online again after {}", span(ms)),
            None => "Online for the first time".into(),
        },
        "offline" => format!("Offline: {}", word("reason")),
        "rebooted" => "It has booted anew".into(),
        "spider" => format!(
            "Its Spider is {} now, it was {}",
            word("version"),
            word("from")
        ),
        "gap" => {
            let ms = detail["to"].as_i64().unwrap_or(0) - detail["from"].as_i64().unwrap_or(0);
            let cause = GapCause::from_name(word("cause")).text();
            format!("No samples for {}: {cause}", span(ms))
        }
        "job" => job(word("title"), word("state"), detail["message"].as_str()),
        "added" => "Added to the fleet".into(),
        "renamed" => format!("Renamed from {}", word("from")),
        "removed" => "Removed from the fleet".into(),
        "host_key" => format!(
            "{} accepted its new host key {}",
            word("by"),
            word("sha256")
        ),
        "token" => format!(
            "{} made a new token; the old one is good until the Spider was seen with it",
            word("by")
        ),
        "token_in_use" => "Its Spider has the new token; the old one is over".into(),
        "started" if detail["after_a_fall"] == true => format!(
            "Ground Control {} started, after an end that was not in order",
            word("version")
        ),
        "started" => format!("Ground Control {} started", word("version")),
        "stopped" => "Ground Control was stopped".into(),
        SIGN_IN_FAILED => {
            let more = match detail["more"].as_u64() {
                Some(more @ 1..) => format!(", and {more} more before it"),
                _ => String::new(),
            };
            let (user, address) = (word("user"), word("address"));
            match detail["at"].as_str() {
                Some(CHANGE) => format!(
                    "The password of {user:?} was to be changed from {address} with a wrong \
                     current one{more}"
                ),
                _ => format!("A sign-in as {user:?} from {address} failed{more}"),
            }
        }
        CLOCK_DOUBTED => {
            let jump_ms = detail["jump_ms"].as_i64().unwrap_or(0);
            format!(
                "The clock of Ground Control's machine is {} the time that it should be. Nothing \
                 is deleted by age for that",
                jump(jump_ms)
            )
        }
        CLOCK_SETTLED => clock_settled(detail),
        // Of a later release.
        other => other.replace('_', " "),
    }
}

pub fn clock_settled(detail: &Value) -> String {
    let why = match detail["how"].as_str() {
        Some("returned") => "it has come back".into(),
        Some("fleet") => "most nodes have the same time".into(),
        Some("steady") => "it has gone on steadily for an hour".into(),
        _ => format!("{} says so", detail["by"].as_str().unwrap_or("?")),
    };
    format!("The clock of Ground Control's machine is taken for right again: {why}")
}

/// How far one time is from another, to be followed by the other.
pub fn jump(ms: i64) -> String {
    match ms {
        0.. => format!("{} ahead of", span(ms)),
        _ => format!("{} behind", span(ms.saturating_neg())),
    }
}

fn job(title: &str, state: &str, message: Option<&str>) -> String {
    let how = match state {
        "succeeded" => "done",
        "cancelled" => "cancelled",
        "lost" => "its end is not known",
        _ => "failed",
    };
    match message {
        Some(message) if state != "succeeded" => format!("{title}: {how}. {message}"),
        _ => format!("{title}: {how}"),
    }
}

/// In its largest unit and the next.
fn span(ms: i64) -> String {
    let seconds = ms.max(0) / 1000;
    let (minutes, hours, days) = (seconds / 60, seconds / 3600, seconds / 86_400);
    match seconds {
        0 => format!("{} ms", ms.max(0)),
        1..60 => format!("{seconds} s"),
        60..3600 => format!("{minutes} min {} s", seconds % 60),
        3600..86_400 => format!("{hours} h {} min", minutes % 60),
        86_400..31_536_000 => format!("{days} d {} h", hours % 24),
        _ => format!("{} y {} d", days / 365, days % 365),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn said(kind: &str, detail: serde_json::Value) -> String {
        text(&Event {
            id: 1,
            time_ms: 0,
            node: Some(1),
            node_name: None,
            kind: kind.into(),
            detail,
        })
    }

    #[test]
    fn every_kind_has_words_of_its_own() {
        for kind in crate::event::KINDS {
            let said = said(kind, json!({}));
            assert!(said.len() > kind.len() && said != kind, "{kind}: {said}");
        }
        assert_eq!(said("from_the_future", json!(null)), "from the future");
    }

    #[test]
    fn they_say_how_long_and_why() {
        let gap = json!({"from": 1_000, "to": 3_722_000, "cause": "node_off", "lost": 0});
        assert_eq!(
            said("gap", gap),
            "No samples for 1 h 2 min: the node was off: it has booted since"
        );
        assert_eq!(
            said("online", json!({"offline_ms": 61_500})),
            "Online again after 1 min 1 s"
        );
        assert_eq!(
            said(
                "job",
                json!({"title": "Upgrade", "state": "failed", "message": "No way in."})
            ),
            "Upgrade: failed. No way in."
        );
        assert_eq!(span(90_000_000), "1 d 1 h");
        assert_eq!(span(400 * 86_400_000), "1 y 35 d");
        assert_eq!(span(-5), "0 ms");
        assert_eq!(jump(61_000), "1 min 1 s ahead of");
        assert_eq!(jump(-7_200_000), "2 h 0 min behind");
    }
}
