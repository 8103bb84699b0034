//! Each route as each kind of principal: who may is let through, nobody else is, and
//! nothing of nodes that one may not know of comes back.

use std::collections::BTreeSet;

use serde_json::{Value, json};
use stardust_model::job::State;

use super::{Answer, Call, Operator, Server};
use crate::access::{Door, Need, Rule, Subject, table};
use crate::api::ROUTES;
use crate::http::Method;

#[test]
fn every_route_has_a_rule_and_every_rule_a_route() {
    let ours: BTreeSet<_> = ROUTES
        .iter()
        .map(|route| (route.pattern, route.method.name()))
        .collect();
    let ruled: BTreeSet<_> = table::ROUTES
        .iter()
        .map(|rule| (rule.pattern, rule.method.name()))
        .collect();
    assert_eq!(ours, ruled);
    assert_eq!(ruled.len(), table::ROUTES.len(), "a rule is there twice");
    for rule in table::ROUTES {
        let at = format!("{} {}", rule.method.name(), rule.pattern);
        if rule.method != Method::Get {
            assert!(
                !rule.action.is_empty(),
                "{at}: the audit has no word for it"
            );
        }
        let of_node = rule.pattern.starts_with("/api/nodes/:id");
        let of_job = rule.pattern.starts_with("/api/jobs/:id");
        let subject = match (of_node, of_job) {
            (true, _) => Subject::Node,
            (_, true) => Subject::Job,
            _ => Subject::Nothing,
        };
        assert_eq!(rule.subject, subject, "{at}");
    }
}

#[test]
fn every_kind_of_message_has_a_rule() {
    // What is said to /live in the sources of the hub, of events, and what is read from it.
    let sources = [
        include_str!("../../hub/live.rs"),
        include_str!("../../events/broadcast.rs"),
    ];
    let mut said = BTreeSet::from(["watch", "follow"]);
    for source in sources {
        let parts = source.split("r#type: \"").skip(1);
        said.extend(parts.filter_map(|part| part.split('"').next()));
    }
    assert!(said.len() >= 10, "{said:?}");
    let ruled: BTreeSet<_> = table::MESSAGES.iter().map(|message| message.kind).collect();
    assert_eq!(said, ruled);
}

/// Names that nobody who is bound to `web` may read.
const SECRETS: [&str; 3] = ["db-secret", "db-only-tag", "untagged-secret"];

/// A fleet of three nodes, a job on each and two over several.
struct World {
    operator: Operator,
}

impl World {
    fn new() -> Self {
        let operator = Operator::of(Server::new());
        let add = |name: &str, tags: Value| {
            let made = operator.post("/api/nodes", &json!({"name": name, "tags": tags}));
            assert_eq!(made.status, 201, "{made:?}");
        };
        add("web-node", json!(["web"]));
        add("db-secret", json!(["db-only-tag"]));
        add("untagged-secret", json!([]));
        let writer = operator.server.app.store.writer();
        for (node, name, title, intent) in [
            (
                Some(1),
                Some("web-node"),
                "Reboot web-node",
                json!({"kind": "reboot"}),
            ),
            (
                Some(2),
                Some("db-secret"),
                "Reboot db-secret",
                json!({"kind": "reboot"}),
            ),
            (
                None,
                None,
                "Upgrade web",
                json!({"kind": "upgrade_fleet", "nodes": [1]}),
            ),
            (
                None,
                None,
                "Upgrade packages of db-secret",
                json!({"kind": "packages_fleet", "nodes": [1, 2], "order": {}, "waves": ["rest"]}),
            ),
        ] {
            let kind = intent["kind"].as_str().unwrap().to_owned();
            writer
                .execute(
                    "INSERT INTO jobs (kind, node, node_name, title, intent, state, asked_by, \
                     created_ms, finished_ms, progress) VALUES (?1, ?2, ?3, ?4, ?5, ?6, 'x', 1, 2, \
                     '{\"steps\": [], \"error\": null, \"result\": null, \"progress\": null}')",
                    rusqlite::params![
                        kind,
                        node,
                        name,
                        title,
                        intent.to_string(),
                        State::Succeeded.name()
                    ],
                )
                .unwrap();
        }
        drop(writer);
        Self { operator }
    }

    fn server(&self) -> &Server {
        &self.operator.server
    }

    /// A new user, signed in.
    fn user(&self, name: &str, role: &str, tags: Value, rights: Value) -> String {
        let password = "five years is all we got";
        let made = self.operator.post(
            "/api/users",
            &json!({"username": name, "password": password, "role": role, "tags": tags, "rights": rights}),
        );
        assert_eq!(made.status, 201, "{made:?}");
        self.server().token_of(name, password)
    }

    fn send(&self, token: &str, rule: &Rule, id: i64) -> Answer {
        let target = rule
            .pattern
            .replace(":id", &id.to_string())
            .replace(":name", "0123456789abcdef");
        let mut call = Call::new(rule.method.name(), &target).bearer(token);
        if rule.method != Method::Get {
            call = call.json(&json!({}));
        }
        self.server().send(&call)
    }
}

/// Who is let through, told apart from the table: by role, tags and rights.
struct Who {
    role: &'static str,
    tags: &'static [&'static str],
    rights: &'static [&'static str],
}

const PEOPLE: &[Who] = &[
    Who {
        role: "viewer",
        tags: &[],
        rights: &[],
    },
    Who {
        role: "viewer",
        tags: &["web"],
        rights: &[],
    },
    Who {
        role: "operator",
        tags: &[],
        rights: &[],
    },
    Who {
        role: "operator",
        tags: &["web"],
        rights: &[],
    },
    Who {
        role: "operator",
        tags: &["web"],
        rights: &["deploy"],
    },
    Who {
        role: "admin",
        tags: &["web"],
        rights: &[],
    },
    Who {
        role: "admin",
        tags: &[],
        rights: &[],
    },
];

impl Who {
    fn may(&self, need: Need) -> bool {
        match need {
            Need::View => true,
            Need::Operate => self.role != "viewer",
            Need::Deploy => self.role == "admin" || self.rights.contains(&"deploy"),
            Need::Administer => self.role == "admin",
            Need::Terminal | Need::Command => false,
        }
    }

    fn is_bound(&self) -> bool {
        !self.tags.is_empty()
    }
}

#[test]
fn each_role_gets_what_it_may_and_nothing_else() {
    for who in PEOPLE {
        let world = World::new();
        let token = world.user("major", who.role, json!(who.tags), json!(who.rights));
        // What takes things away comes last.
        let mut rules: Vec<&Rule> = table::ROUTES
            .iter()
            .filter(|rule| rule.door != Door::Anyone)
            .collect();
        rules.sort_by_key(|rule| (rule.action == "auth.logout", rule.method == Method::Delete));
        for rule in rules.iter().filter(|rule| rule.subject != Subject::Nothing) {
            // The first node and job are those of the tag; the others are somebody else's.
            let others: &[i64] = match rule.subject {
                Subject::Job => &[2, 4],
                _ => &[2, 3],
            };
            for other in others {
                let answer = world.send(&token, rule, *other);
                expect(who, rule, &answer, true);
            }
            expect(who, rule, &world.send(&token, rule, 1), false);
        }
        for rule in rules.iter().filter(|rule| rule.subject == Subject::Nothing) {
            let answer = world.send(&token, rule, 1);
            expect(who, rule, &answer, false);
        }
    }
}

fn expect(who: &Who, rule: &Rule, answer: &Answer, is_of_others: bool) {
    let at = format!(
        "{} {:?} {:?}: {} {}",
        who.role,
        who.tags,
        who.rights,
        rule.method.name(),
        rule.pattern
    );
    let body = String::from_utf8_lossy(&answer.body).into_owned();
    if who.is_bound() {
        for secret in SECRETS {
            assert!(!body.contains(secret), "{at} says {secret}: {body}");
        }
        if is_of_others {
            assert_eq!(answer.status, 404, "{at}: {body}");
            return;
        }
    }
    let may = match rule.door {
        Door::Anyone | Door::SignedIn => true,
        Door::Scraper | Door::Spider => true,
        Door::May(need) => who.may(need),
        Door::MayEverywhere(need) => who.may(need) && !who.is_bound(),
    };
    let forbidden = answer.status == 403 && answer.kind() == "forbidden";
    assert_eq!(forbidden, !may, "{at}: {} {body}", answer.status);
    assert_ne!(answer.status, 401, "{at}: {body}");
    assert_ne!(answer.status, 500, "{at}: {body}");
}

#[test]
fn lists_have_what_is_of_ones_own_nodes() {
    let world = World::new();
    let token = world.user("major", "viewer", json!(["web"]), json!([]));
    let get = |target: &str| {
        let answer = world.server().send(&Call::get(target).bearer(&token));
        assert_eq!(answer.status, 200, "{target}");
        answer.json()
    };
    let names = |list: &Value, of: &str, field: &str| -> Vec<String> {
        let rows = list[of].as_array().unwrap().iter();
        rows.map(|row| row[field].as_str().unwrap_or("").to_owned())
            .collect()
    };
    assert_eq!(names(&get("/api/nodes"), "nodes", "name"), ["web-node"]);
    assert_eq!(get("/api/nodes?limit=1")["next"], Value::Null);
    assert_eq!(
        names(&get("/api/jobs"), "jobs", "title"),
        ["Upgrade web", "Reboot web-node"]
    );
    assert_eq!(get("/api/jobs?limit=1&cursor=4")["jobs"][0]["id"], 3);
    let events = get("/api/events");
    let events = events["events"].as_array().unwrap();
    assert!(!events.is_empty());
    assert!(events.iter().all(|event| event["node"] == 1), "{events:?}");
    let metrics = world.server().send(&Call::get("/metrics").bearer(&token));
    let text = String::from_utf8(metrics.body).unwrap();
    assert!(
        text.contains("web-node") && !text.contains("db-secret"),
        "{text}"
    );
    assert!(
        !text.contains("stardust_database_bytes"),
        "of Ground Control itself"
    );
    // A node that leaves the scope is gone, and one that comes into it is there.
    let tags = |node: i64, tags: Value| {
        let call = Call::new("PATCH", &format!("/api/nodes/{node}")).json(&json!({"tags": tags}));
        assert_eq!(world.operator.send(call).status, 200);
    };
    tags(1, json!([]));
    tags(2, json!(["web"]));
    assert_eq!(names(&get("/api/nodes"), "nodes", "name"), ["db-secret"]);
    // Of a node that is gone nobody who is bound knows anything.
    assert_eq!(
        world
            .operator
            .send(Call::new("DELETE", "/api/nodes/2"))
            .status,
        204
    );
    assert_eq!(get("/api/jobs")["jobs"], json!([]));
    assert_eq!(get("/api/events")["events"], json!([]));
}

#[test]
fn who_is_bound_can_not_reach_beyond_by_what_is_named_in_a_body() {
    let world = World::new();
    let operator = world.user("operator", "operator", json!(["web"]), json!(["deploy"]));
    for (target, body) in [
        ("/api/upgrades", json!({"nodes": [1, 2]})),
        ("/api/packages/upgrade", json!({"nodes": [2]})),
        ("/api/packages/preview", json!({"nodes": [1, 3]})),
        ("/api/packages/refresh", json!({"nodes": [2]})),
    ] {
        let call = Call::new("POST", target).bearer(&operator).json(&body);
        let answer = world.server().send(&call);
        assert_eq!(answer.status, 404, "{target} {answer:?}");
    }
    let admin = world.user("admin of web", "admin", json!(["web"]), json!([]));
    let send = |call: Call| world.server().send(&call.bearer(&admin));
    let add = |tags: Value| {
        send(Call::new("POST", "/api/nodes").json(&json!({"name": "n", "tags": tags})))
    };
    assert_eq!(add(json!([])).status, 403);
    assert_eq!(add(json!(["db-only-tag"])).status, 403);
    assert_eq!(add(json!(["web", "more"])).status, 201);
    let away = Call::new("PATCH", "/api/nodes/1").json(&json!({"tags": ["db-only-tag"]}));
    assert_eq!(send(away).status, 403);
}
