//! Upgrades of many nodes over the API, as far as no node is needed.

use serde_json::{Value, json};

use super::schema::check;
use super::{Call, Operator};
use crate::jobs::{Given, Intent, Order, PackageOrder};
use crate::packages::Manager;
use crate::packages::facts::Facts;
use crate::packages::model::{Repair, Upgrade};

struct Lab {
    operator: Operator,
    ids: Vec<i64>,
}

impl Lab {
    /// Nodes with apt, of which one look was had.
    fn new(nodes: usize) -> Self {
        let operator = Operator::new();
        let ids: Vec<i64> = (0..nodes)
            .map(|n| {
                let answer = operator.post("/api/nodes", &json!({"name": format!("n{n}")}));
                answer.json()["id"].as_i64().unwrap()
            })
            .collect();
        let lab = Self { operator, ids };
        for at in 0..nodes {
            lab.knows(at, |_| {});
        }
        lab
    }

    fn knows(&self, at: usize, change: impl FnOnce(&mut Facts)) {
        let mut facts = Facts {
            manager: Some(Manager::Apt),
            ..Facts::default()
        };
        change(&mut facts);
        let store = &self.operator.server.app.store;
        let put = store.put_package_facts(self.ids[at], &facts, 1000, None, 5000);
        put.unwrap();
    }

    fn preview(&self, body: &Value) -> Value {
        let answer = self.operator.post("/api/packages/preview", body);
        assert_eq!(answer.status, 200, "{:#}", answer.json());
        check("PackagesFleetPreview", &answer.json());
        answer.json()
    }

    fn upgrade(&self, body: &Value) -> Intent {
        let answer = self.operator.post("/api/packages/upgrade", body);
        assert_eq!(answer.status, 202, "{:#}", answer.json());
        let job = answer.json()["job"]["id"].as_i64().unwrap();
        let store = &self.operator.server.app.store;
        store.job(job).unwrap().unwrap().1
    }

    fn refuses(&self, target: &str, body: &Value) {
        let answer = self.operator.post(target, body);
        assert_eq!(answer.status, 400, "{body}: {:#}", answer.json());
    }
}

#[test]
fn waves_begin_with_the_node_that_is_named_first() {
    let lab = Lab::new(4);
    let [a, b, c, d] = lab.ids[..] else {
        unreachable!("there are four");
    };
    let wish = json!({"nodes": [c, a, c, d, b]});
    let seen = lab.preview(&wish);
    assert_eq!(seen["waves"], json!([[c], [a], [d, b]]), "{seen:#}");
    let Intent::PackagesFleet { nodes, order, .. } = lab.upgrade(&wish) else {
        panic!("another job");
    };
    assert_eq!(nodes, [c, a, d, b]);
    assert!(order.by_setting && !order.security);

    // So do those of Spiders.
    let answer = lab
        .operator
        .post("/api/upgrades", &json!({"nodes": [d, a]}));
    let job = answer.json()["job"]["id"].as_i64().unwrap();
    let store = &lab.operator.server.app.store;
    let (_, intent) = store.job(job).unwrap().unwrap();
    assert_eq!(intent, Intent::UpgradeFleet { nodes: vec![d, a] });
}

#[test]
fn who_is_half_way_or_at_work_is_left_out_and_named() {
    let lab = Lab::new(4);
    let [fine, torn, busy, unknown] = lab.ids[..] else {
        unreachable!("there are four");
    };
    lab.knows(1, |facts| {
        facts.repair = vec![Repair::new("dpkg_configure", "Finish it", "labbroken")];
    });
    lab.knows(3, |facts| facts.manager = None);
    let app = &lab.operator.server.app;
    app.jobs
        .submit(Order {
            intent: Intent::Packages(PackageOrder {
                action: "install".into(),
                packages: vec!["nginx".into()],
                ..PackageOrder::default()
            }),
            node: Some(busy),
            name: "n2".into(),
            group: None,
            by: "ziggy".into(),
            given: Given::default(),
        })
        .unwrap();
    let wish = json!({"nodes": [torn, fine, busy, unknown], "full": true});
    let seen = lab.preview(&wish);
    assert_eq!(seen["waves"], json!([[fine]]), "{seen:#}");
    let whys = seen["left_out"].as_array().unwrap().iter();
    let whys: Vec<_> = whys
        .map(|out| (out["node"].clone(), out["why"].clone()))
        .collect();
    assert_eq!(
        whys,
        [
            (json!(torn), json!("repair")),
            (json!(busy), json!("busy")),
            (json!(unknown), json!("unknown"))
        ]
    );
    // Nobody can log in there: that is a node's own answer, with the reason.
    let node = &seen["nodes"][0];
    assert_eq!(
        (&node["node"], &node["state"], &node["action"]),
        (&json!(fine), &json!("failed"), &json!("full-upgrade"))
    );
    assert_eq!(node["warnings"][0]["kind"], "credentials");
    assert!(!node["error"]["hint"].as_str().unwrap().is_empty());
    assert_eq!(seen["next"], Value::Null);

    let Intent::PackagesFleet {
        nodes, left_out, ..
    } = lab.upgrade(&wish)
    else {
        panic!("another job");
    };
    assert_eq!(nodes, [fine]);
    assert_eq!(left_out.len(), 3);
    let none = lab
        .operator
        .post("/api/packages/upgrade", &json!({"nodes": [torn]}));
    assert_eq!((none.status, none.kind().as_str()), (409, "conflict"));
    assert!(
        none.json()["error"]["message"]
            .as_str()
            .unwrap()
            .contains("n1")
    );
}

#[test]
fn many_nodes_are_asked_a_part_at_a_time() {
    let lab = Lab::new(34);
    let first = lab.preview(&json!({"nodes": lab.ids}));
    let asked = first["nodes"].as_array().unwrap().len() as i64;
    assert!((1..=32).contains(&asked), "{asked}");
    assert_eq!(first["next"], asked);
    let rest = lab.preview(&json!({"nodes": lab.ids, "cursor": 32}));
    assert_eq!(rest["nodes"].as_array().unwrap().len(), 2);
    assert_eq!(rest["next"], Value::Null);
    assert_eq!(rest["waves"], first["waves"]);
    let past = lab.preview(&json!({"nodes": lab.ids, "cursor": 99}));
    assert_eq!(past["nodes"], json!([]));
}

#[test]
fn a_node_may_have_full_upgrades_by_default() {
    let lab = Lab::new(2);
    let [plain, full] = lab.ids[..] else {
        unreachable!("there are two");
    };
    let target = format!("/api/nodes/{full}/packages");
    let patch = |body: Value| {
        let call = Call::new("PATCH", &target).json(&body);
        lab.operator.send(call)
    };
    let changed = patch(json!({"full_upgrade": true}));
    check("Packages", &changed.json());
    assert_eq!(changed.json()["full_upgrade"], true);
    for bad in [json!({}), json!({"full_upgrade": 1}), json!({"x": true})] {
        assert_eq!(patch(bad).status, 400);
    }
    // A look changes nothing of it.
    lab.knows(1, |facts| facts.full_advised = Some("Proxmox VE".into()));
    let seen = lab.operator.get(&target).json();
    assert_eq!(
        (&seen["full_upgrade"], &seen["full_upgrade_advised"]),
        (&json!(true), &json!("Proxmox VE"))
    );
    let fleet = lab.operator.get("/api/packages").json();
    check("FleetPackages", &fleet);
    assert_eq!(fleet["nodes"][1]["full_upgrade"], true);

    let actions = |body: Value| -> Vec<Value> {
        let seen = lab.preview(&body);
        let nodes = seen["nodes"].as_array().unwrap().iter();
        nodes.map(|node| node["action"].clone()).collect()
    };
    let nodes = json!([plain, full]);
    assert_eq!(
        actions(json!({"nodes": nodes})),
        ["upgrade", "full-upgrade"]
    );
    assert_eq!(
        actions(json!({"nodes": nodes, "full": false})),
        ["upgrade", "upgrade"]
    );
    assert_eq!(
        actions(json!({"nodes": nodes, "security": true})),
        ["upgrade", "upgrade"]
    );
}

#[test]
fn what_contradicts_itself_is_refused() {
    let lab = Lab::new(2);
    let nodes = &lab.ids;
    for target in ["/api/packages/upgrade", "/api/packages/preview"] {
        for bad in [
            json!({"nodes": []}),
            json!({"nodes": nodes, "security": true, "packages": ["nginx"]}),
            json!({"nodes": nodes, "security": true, "full": true}),
            json!({"nodes": nodes, "full": true, "packages": ["nginx"]}),
            json!({"nodes": nodes, "packages": ["$(id)"]}),
            json!({"nodes": nodes, "waves": []}),
            json!({"nodes": nodes, "plans": {"999": "00"}}),
            json!({"nodes": nodes, "plans": {(nodes[0].to_string()): "'; rm"}}),
        ] {
            lab.refuses(target, &bad);
        }
        let gone = lab.operator.post(target, &json!({"nodes": [999]}));
        assert_eq!(gone.status, 404);
    }
    let one = format!("/api/nodes/{}/packages", nodes[0]);
    for (action, bad) in [
        ("upgrade", json!({"security": true, "packages": ["nginx"]})),
        ("upgrade", json!({"security": true, "full": true})),
        ("upgrade", json!({"full": true, "packages": ["nginx"]})),
        ("install", json!({"security": true, "packages": ["nginx"]})),
        ("full-upgrade", json!({"security": true})),
    ] {
        lab.refuses(&format!("{one}/{action}"), &bad);
    }
    lab.knows(0, |facts| facts.manager = Some(Manager::Opkg));
    lab.refuses(&format!("{one}/upgrade"), &json!({"security": true}));
    let plans =
        json!({"nodes": nodes, "plans": {(nodes[1].to_string()): "00ff"}, "security": true});
    let Intent::PackagesFleet {
        plans,
        left_out,
        order,
        ..
    } = lab.upgrade(&plans)
    else {
        panic!("another job");
    };
    assert_eq!(plans, [(nodes[1], "00ff".to_owned())]);
    assert_eq!(left_out[0].why, "unsupported");
    assert!(order.security);
}

#[test]
fn what_is_for_security_is_found_by_the_nodes_own_look() {
    use crate::packages::request::PackageRequest;
    let upgrade = |name: &str, arch: &str, security, held| Upgrade {
        name: name.into(),
        arch: Some(arch.into()),
        new: "2".into(),
        security,
        held,
        ..Upgrade::default()
    };
    let facts = |upgradable| Facts {
        manager: Some(Manager::Apt),
        upgradable,
        ..Facts::default()
    };
    let found = |facts: &Facts| PackageRequest::for_security(Manager::Apt, facts);
    let some = facts(vec![
        upgrade("openssl", "amd64", Some(true), false),
        upgrade("libc6", "i386", Some(true), false),
        upgrade("tzdata", "all", Some(true), false),
        upgrade("vim", "amd64", Some(false), false),
        upgrade("sudo", "amd64", Some(true), true),
        upgrade("$(id)", "amd64", Some(true), false),
    ]);
    let wish = found(&some).unwrap().unwrap();
    assert_eq!(wish.arguments(), ["openssl:amd64", "libc6:i386", "tzdata"]);
    assert_eq!(found(&facts(Vec::new())).unwrap(), None);
    let none = facts(vec![upgrade("vim", "amd64", Some(false), false)]);
    assert_eq!(found(&none).unwrap(), None);
    // Nobody can tell, which is not the same as none.
    let unsure = facts(vec![upgrade("vim", "amd64", None, false)]);
    assert_eq!(found(&unsure).unwrap_err().kind, "unsupported");
    // More than a hundred.
    let many = (0..300).map(|n| upgrade(&format!("p{n}"), "all", Some(true), false));
    let wish = found(&facts(many.collect())).unwrap().unwrap();
    assert_eq!(wish.packages.len(), 300);
    let many = (0..601).map(|n| upgrade(&format!("p{n}"), "all", Some(true), false));
    assert!(found(&facts(many.collect())).is_err());
}
