//! Jobs and what makes them, without threads that would run them: each stays
//! where the request has put it.

use serde_json::{Value, json};

use super::schema::check;
use super::{Answer, Call, Operator};
use crate::jobs::Intent;
use crate::packages::Manager;
use crate::packages::facts::Facts;

const FINGERPRINT: &str = "SHA256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaA";
const KEY: &str =
    "-----BEGIN OPENSSH PRIVATE KEY-----\nmoonage-daydream\n-----END OPENSSH PRIVATE KEY-----\n";

fn wanted() -> Value {
    json!({
        "name": "pi4", "tags": ["home"], "host": "pi4.example", "port": 2222, "user": "ops",
        "auth": {"key": KEY, "passphrase": "suffragette"}, "sudo_password": "ziggy-stardust",
        "host_key": FINGERPRINT,
    })
}

fn deploy(operator: &Operator) -> Answer {
    operator.post("/api/nodes/deploy", &wanted())
}

#[test]
fn a_deployment_makes_a_node_and_a_job_and_gives_no_secret_back() {
    let operator = Operator::new();
    let answer = deploy(&operator);
    assert_eq!(answer.status, 202, "{:?}", answer.json());
    let made = answer.json();
    check("NodeAndJob", &made);
    assert_eq!(made["node"]["status"], "pending");
    assert_eq!(made["node"]["managed"], true);
    assert_eq!(made["job"]["state"], "queued");
    assert_eq!(made["job"]["title"], "Deploy the Spider to pi4");
    assert_eq!(made["job"]["by"], super::USER);

    let connection = operator.get("/api/nodes/1/connection").json();
    check("Connection", &connection);
    assert_eq!(connection["auth"], "key");
    assert_eq!(connection["sudo_password"], true);
    assert_eq!(connection["host_key"]["sha256"], FINGERPRINT);

    let job = operator.get("/api/jobs/1").json();
    check("Job", &job);
    let list = operator.get("/api/jobs?node=1&state=active").json();
    check("Jobs", &list);
    assert_eq!(list["jobs"][0]["id"], 1);
    let output = operator.get("/api/jobs/1/output").json();
    check("JobOutput", &output);
    assert_eq!(output["end"], false);

    let file = std::fs::read(&operator.server.app.config.db).unwrap();
    let wal = operator.server.app.config.db.with_extension("db-wal");
    let everything = [
        file,
        std::fs::read(wal).unwrap_or_default(),
        made.to_string().into_bytes(),
        connection.to_string().into_bytes(),
        list.to_string().into_bytes(),
    ]
    .concat();
    for secret in ["moonage-daydream", "suffragette", "ziggy-stardust"] {
        let found = everything
            .windows(secret.len())
            .any(|part| part == secret.as_bytes());
        assert!(!found, "{secret}");
    }
}

#[test]
fn what_is_missing_or_hostile_is_refused_and_nothing_is_made() {
    let operator = Operator::new();
    let without = |field: &str| {
        let mut body = wanted();
        body.as_object_mut().unwrap().remove(field);
        body
    };
    let with = |field: &str, value: Value| {
        let mut body = wanted();
        body[field] = value;
        body
    };
    for body in [
        without("host"),
        without("user"),
        without("auth"),
        without("host_key"),
        with("host", json!("-oProxyCommand=id")),
        with("host", json!("a;reboot")),
        with("user", json!("root\nops")),
        with("port", json!(0)),
        with("port", json!(70_000)),
        with("host_key", json!("MD5:00")),
        with("auth", json!({})),
        with("auth", json!({"key": KEY, "password": "x\ny"})),
        with("auth", json!({"password": "x", "certificate": "y"})),
        with("name", json!("evil\u{202e}gnp")),
        with("host", json!("0x0a4d0102")),
        with("sudo_password", json!("a\nb")),
        with("name", json!("a\u{7}b")),
        with("pin", json!("sha256/$(id)")),
        with(
            "jump",
            json!({"host": "j", "user": "u", "auth": {"password": "p"}}),
        ),
        with("colour", json!("red")),
    ] {
        let answer = operator.post("/api/nodes/deploy", &body);
        assert_eq!(answer.status, 400, "{body}");
        check("Error", &answer.json());
        assert!(!answer.json().to_string().contains("ziggy-stardust"));
    }
    assert_eq!(operator.get("/api/nodes").json()["nodes"], json!([]));
    assert_eq!(operator.get("/api/jobs").json()["jobs"], json!([]));
}

#[test]
fn nothing_changes_under_a_job() {
    let operator = Operator::new();
    deploy(&operator);
    for call in [
        Call::new("DELETE", "/api/nodes/1/credentials"),
        Call::new("POST", "/api/nodes/1/deploy").json(&{
            let mut body = wanted();
            body.as_object_mut().unwrap().remove("name");
            body.as_object_mut().unwrap().remove("tags");
            body
        }),
    ] {
        let answer = operator.send(call);
        assert_eq!((answer.status, answer.kind().as_str()), (409, "conflict"));
    }
    // One more job waits behind it.
    let answer = operator.post("/api/nodes/1/rotate-token", &json!({}));
    assert_eq!(answer.status, 202);
    check("JobAnswer", &answer.json());
}

#[test]
fn jobs_of_a_node_wait_in_line_and_the_line_has_an_end() {
    let operator = Operator::new();
    deploy(&operator);
    let post = |path: &str, body: Value| operator.post(&format!("/api/nodes/1/{path}"), &body);
    let rotates = post("rotate-token", json!({}));
    assert_eq!(
        (rotates.status, &rotates.json()["job"]["waits_for"]),
        (202, &json!(1))
    );
    // The same once more, told by the number of the one that waits.
    let again = post("rotate-token", json!({}));
    assert_eq!((again.status, again.kind().as_str()), (409, "conflict"));
    let words = again.json()["error"]["message"]
        .as_str()
        .unwrap()
        .to_owned();
    assert!(words.contains("Job 2 does the same"), "{words}");

    let refresh = |names: Value| post("packages/refresh", names);
    assert_eq!(refresh(json!({})).status, 202);
    assert_eq!(refresh(json!({})).status, 409);
    for path in ["upgrade", "reboot"] {
        assert_eq!(post(path, json!({})).status, 202, "{path}");
    }
    let list = operator.get("/api/jobs?node=1&state=active").json();
    check("Jobs", &list);
    let waits: Vec<_> = list["jobs"]
        .as_array()
        .unwrap()
        .iter()
        .map(|job| job["waits_for"].as_i64())
        .collect();
    assert_eq!(waits, [Some(4), Some(3), Some(2), Some(1), None]);

    // One that leaves closes the gap.
    assert_eq!(
        operator
            .send(Call::new("POST", "/api/jobs/3/cancel"))
            .status,
        202
    );
    assert_eq!(operator.get("/api/jobs/4").json()["waits_for"], 2);

    // Behind a removal nothing makes sense, not even another one.
    assert_eq!(post("remove", json!({})).status, 202);
    for path in ["remove", "reboot", "deploy", "packages/refresh"] {
        let answer = post(path, json!({}));
        assert_eq!(
            (answer.status, answer.kind().as_str()),
            (409, "conflict"),
            "{path}"
        );
        assert!(
            answer.json()["error"]["message"]
                .as_str()
                .unwrap()
                .contains("Job 6 removes")
        );
    }
}

#[test]
fn more_than_eight_do_not_wait_for_a_node() {
    let operator = Operator::new();
    for _ in 0..8 {
        let answer = match operator.get("/api/nodes/1").status {
            404 => deploy(&operator),
            _ => operator.post("/api/nodes/1/deploy", &json!({})),
        };
        assert_eq!(answer.status, 202);
    }
    let full = operator.post("/api/nodes/1/deploy", &json!({}));
    assert_eq!((full.status, full.kind().as_str()), (503, "busy"));
    assert_eq!(full.header("Retry-After"), Some("60"));
}

#[test]
fn looks_at_many_nodes_leave_out_those_that_cannot_be_reached() {
    let operator = Operator::new();
    let all = operator.post("/api/packages/refresh", &json!({}));
    assert_eq!((all.status, all.kind().as_str()), (409, "conflict"));
    deploy(&operator);
    operator.post("/api/nodes", &json!({"name": "by hand"}));
    let answer = operator.post("/api/packages/refresh", &json!({"nodes": [1, 2, 1]}));
    assert_eq!(answer.status, 202);
    let answer = answer.json();
    check("PackagesLooks", &answer);
    assert_eq!(answer["job"]["title"], "Look for updates of 1 node");
    assert_eq!(answer["job"]["kind"], "packages_refresh_fleet");
    assert_eq!(answer["left_out"][0]["node"], 2);
    let all = operator.post("/api/packages/refresh", &json!({})).json();
    assert_eq!(all["left_out"], json!([]));
    assert_eq!(
        operator
            .post("/api/packages/refresh", &json!({"nodes": [9]}))
            .status,
        404
    );
}

#[test]
fn a_retry_takes_credentials_that_were_forgotten() {
    let operator = Operator::new();
    deploy(&operator);
    operator.send(Call::new("POST", "/api/jobs/1/cancel"));
    operator.send(Call::new("DELETE", "/api/nodes/1/credentials"));
    let bare = operator.post("/api/jobs/1/retry", &json!({}));
    assert_eq!(
        (bare.status, bare.kind().as_str()),
        (409, "credentials_needed")
    );
    let given = json!({"auth": {"password": "for this once"}, "sudo_password": "also"});
    let answer = operator.post("/api/jobs/1/retry", &given);
    assert_eq!(answer.status, 202);
    check("JobAnswer", &answer.json());
    assert_eq!(
        operator
            .post("/api/jobs/1/retry", &json!({"colour": 1}))
            .status,
        400
    );
}

#[test]
fn a_waiting_job_is_cancelled_and_can_be_tried_again() {
    let operator = Operator::new();
    deploy(&operator);
    assert_eq!(operator.post("/api/jobs/1/retry", &json!({})).status, 409);
    let cancelled = operator.send(Call::new("POST", "/api/jobs/1/cancel"));
    assert_eq!(cancelled.status, 202);
    check("Job", &cancelled.json());
    assert_eq!(cancelled.json()["state"], "cancelled");
    assert_eq!(
        operator
            .send(Call::new("POST", "/api/jobs/1/cancel"))
            .status,
        409
    );
    assert_eq!(operator.get("/api/jobs/1/output").json()["end"], true);
    let again = operator.post("/api/jobs/1/retry", &json!({}));
    assert_eq!(
        (again.status, again.json()["job"]["id"].as_i64()),
        (202, Some(2))
    );
    assert_eq!(
        operator.get("/api/jobs?state=finished").json()["jobs"][0]["id"],
        1
    );
}

/// What a preview has said of the first time would refuse the second for ever.
#[test]
fn work_on_packages_that_is_tried_again_is_looked_at_anew() {
    let operator = Operator::new();
    deploy(&operator);
    operator.send(Call::new("POST", "/api/jobs/1/cancel"));
    let facts = Facts {
        manager: Some(Manager::Apt),
        ..Facts::default()
    };
    let store = &operator.server.app.store;
    store.put_package_facts(1, &facts, 1, None, 2).unwrap();
    let plan = json!({"packages": ["nginx"], "plan": "00112233"});
    let one = operator.post("/api/nodes/1/packages/install", &plan);
    assert_eq!(one.status, 202, "{:?}", one.json());
    operator.send(Call::new("POST", "/api/jobs/2/cancel"));
    let many = json!({"nodes": [1], "plans": {"1": "00112233"}});
    let many = operator.post("/api/packages/upgrade", &many);
    assert_eq!(many.status, 202, "{:?}", many.json());
    operator.send(Call::new("POST", "/api/jobs/3/cancel"));

    let plans = |job: i64| match store.job(job).unwrap().unwrap().1 {
        Intent::Packages(order) => {
            assert_eq!(order.packages, ["nginx"]);
            usize::from(order.plan.is_some())
        }
        Intent::PackagesFleet { plans, nodes, .. } => {
            assert_eq!(nodes, [1]);
            plans.len()
        }
        other => panic!("{other:?}"),
    };
    for first in [2, 3] {
        assert_eq!(plans(first), 1);
        let again = operator.post(&format!("/api/jobs/{first}/retry"), &json!({}));
        assert_eq!(again.status, 202, "{:?}", again.json());
        assert_eq!(plans(again.json()["job"]["id"].as_i64().unwrap()), 0);
    }
}

#[test]
fn forgotten_secrets_are_asked_for() {
    let operator = Operator::new();
    deploy(&operator);
    operator.send(Call::new("POST", "/api/jobs/1/cancel"));
    assert_eq!(
        operator
            .send(Call::new("DELETE", "/api/nodes/1/credentials"))
            .status,
        204
    );
    let connection = operator.get("/api/nodes/1/connection").json();
    assert_eq!(
        (&connection["auth"], &connection["host"]),
        (&Value::Null, &json!("pi4.example"))
    );
    for path in ["upgrade", "rotate-token", "remove", "deploy"] {
        let answer = operator.post(&format!("/api/nodes/1/{path}"), &json!({}));
        assert_eq!(
            (answer.status, answer.kind().as_str()),
            (409, "credentials_needed"),
            "{path}"
        );
    }
    let given = json!({"auth": {"password": "for this once"}});
    assert_eq!(operator.post("/api/nodes/1/upgrade", &given).status, 202);
    // What can't be reached can be removed all the same.
    assert_eq!(
        operator
            .post("/api/nodes/1/remove", &json!({"force": true}))
            .status,
        202
    );
    assert_eq!(operator.get("/api/nodes/2/connection").status, 404);
    assert_eq!(
        operator.post("/api/nodes/2/upgrade", &json!({})).status,
        404
    );
}

#[test]
fn another_host_key_is_accepted_by_its_fingerprint() {
    let operator = Operator::new();
    deploy(&operator);
    operator.send(Call::new("POST", "/api/jobs/1/cancel"));
    let put = |sha256: &str| {
        operator.send(Call::new("PUT", "/api/nodes/1/host-key").json(&json!({"sha256": sha256})))
    };
    let other = FINGERPRINT.replace("aaaA", "bbbA");
    let answer = put(&other);
    assert_eq!(answer.status, 200);
    check("Connection", &answer.json());
    assert_eq!(
        operator.get("/api/nodes/1/connection").json()["host_key"]["sha256"],
        other
    );
    assert_eq!(put("SHA256:short").status, 400);
    // Nothing listens there: the report says so.
    let report = operator.send(Call::new("POST", "/api/nodes/1/check"));
    assert_eq!(report.status, 200);
    check("NodeCheck", &report.json());
    assert_eq!(report.json()["ok"], false);
}

#[test]
fn many_nodes_and_lists_of_hosts() {
    let operator = Operator::new();
    deploy(&operator);
    let answer = operator.post("/api/upgrades", &json!({"nodes": [1, 1]}));
    assert_eq!(answer.status, 202);
    assert_eq!(
        answer.json()["job"]["title"],
        "Upgrade the Spider of one node"
    );
    assert_eq!(
        operator.post("/api/upgrades", &json!({"nodes": []})).status,
        400
    );
    assert_eq!(
        operator
            .post("/api/upgrades", &json!({"nodes": [1, 9]}))
            .status,
        404
    );

    let text = "host,tags\npi4.lan,home\n-x,\n";
    let hosts = operator
        .post("/api/imports/parse", &json!({"text": text}))
        .json();
    check("ImportHosts", &hosts);
    assert_eq!(hosts["hosts"][0]["host"], "pi4.lan");
    assert!(hosts["hosts"][1]["error"].is_string());
    assert_eq!(
        operator
            .post("/api/imports/parse", &json!({"text": " "}))
            .status,
        400
    );
}

#[test]
fn odd_questions_get_clear_answers() {
    let operator = Operator::new();
    for (path, status) in [
        ("/api/jobs/1", 404),
        ("/api/jobs/1/output", 404),
        ("/api/jobs/1/output.txt", 404),
        ("/api/jobs?limit=0", 400),
        ("/api/jobs?state=odd", 400),
        ("/api/jobs?state=active&state=active", 400),
        ("/api/jobs?node=x", 400),
        ("/api/jobs?cursor=-1", 200),
    ] {
        assert_eq!(operator.get(path).status, status, "{path}");
    }
    deploy(&operator);
    assert_eq!(operator.get("/api/jobs/1/output?from=-1").status, 400);
    let file = operator.get("/api/jobs/1/output.txt");
    assert_eq!(file.status, 200);
    assert_eq!(
        file.header("Content-Disposition"),
        Some("attachment; filename=\"stardust-job-1.txt\"")
    );
    let coloured = operator.get("/api/jobs/1/output.txt?colours=yes");
    assert_eq!(
        coloured.header("Content-Disposition"),
        Some("attachment; filename=\"stardust-job-1.ansi\"")
    );
    assert_eq!(
        operator.get("/api/jobs/1/output.txt?colours=red").status,
        400
    );
}

/// By its host key, whatever name it is given and reached by.
#[test]
fn a_host_that_is_a_node_is_refused_as_another_one() {
    let operator = Operator::new();
    assert_eq!(deploy(&operator).status, 202);
    let mut twin = wanted();
    twin["name"] = json!("twin");
    twin["host"] = json!("192.0.2.4");
    let refused = operator.post("/api/nodes/deploy", &twin);
    assert_eq!(refused.status, 409, "{:?}", refused.json());
    check("Error", &refused.json());
    let text = refused.json()["error"].to_string();
    for part in ["pi4", "/api/nodes/1/deploy", "replace"] {
        assert!(text.contains(part), "{text}");
    }
    let names = |operator: &Operator| {
        let all = operator.get("/api/nodes").json();
        all["nodes"].as_array().unwrap().len()
    };
    assert_eq!(names(&operator), 1);
    // A node that was added by hand can't become it either.
    let added = operator.post("/api/nodes", &json!({"name": "by hand"}));
    assert_eq!(added.status, 201);
    let by_hand = operator.post("/api/nodes/2/deploy", &{
        let mut body = twin.clone();
        body.as_object_mut().unwrap().remove("name");
        body
    });
    assert_eq!(by_hand.status, 409, "{:?}", by_hand.json());
    // Lists say it too, and what is in them twice.
    let list = json!({"text": "pi4.example:2222\nPI4.example:2222\nother\n"});
    let hosts = operator.post("/api/imports/parse", &list).json()["hosts"].clone();
    let error = |at: usize| hosts[at]["error"].as_str().unwrap_or("").to_owned();
    assert!(error(0).contains("the node pi4 already"), "{hosts:#}");
    assert!(error(1).contains("stands on line 1"), "{hosts:#}");
    assert_eq!(error(2), "");
    // Who means it says so.
    twin["replace"] = json!(true);
    assert_eq!(operator.post("/api/nodes/deploy", &twin).status, 202);
    assert_eq!(names(&operator), 3);
}
