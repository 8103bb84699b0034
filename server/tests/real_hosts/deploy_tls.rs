//! A Ground Control with a certificate that no host knows.

use std::process::Command;

use serde_json::{Value, json};

use crate::common::{
    ADMIN_PASSWORD, Browser, Folder, GroundControl, Session, Setup, certificates, eventually,
};
use crate::control::login;
use crate::host::{Host, Kind, MACHINE};
use crate::snapshot::{Snapshot, assert_untouched};
use crate::work::is_over;

/// The API over TLS, for who has the certificate's CA.
struct Operator {
    browser: Browser,
    bearer: String,
    _ground: GroundControl,
}

impl Operator {
    fn new(folder: &Folder) -> Self {
        let path = |name: &str| folder.join(name).to_str().unwrap().to_owned();
        let (cert, key) = (path("tls.crt"), path("tls.key"));
        let flags = ["--bind", MACHINE, "--tls-cert", &cert, "--tls-key", &key];
        let ground = Setup::new().args(&flags).start();
        let browser = Browser::new(folder, ground.address);
        let body = json!({"user": "admin", "password": ADMIN_PASSWORD});
        let (answer, _) = browser.request("POST", "/api/auth/login", &[], Some(&body));
        let bearer = Session::of(ground.address, &answer).bearer();
        Self {
            browser,
            bearer,
            _ground: ground,
        }
    }

    fn call(&self, method: &str, target: &str, body: Option<&Value>) -> Value {
        let headers = [("Authorization", self.bearer.as_str())];
        let (answer, _) = self.browser.request(method, target, &headers, body);
        assert!(answer.status < 300, "{target}: {}", answer.text());
        answer.json()
    }

    fn end_of(&self, job: &Value) -> Value {
        let target = format!("/api/jobs/{}", job["job"]["id"]);
        loop {
            let job = self.call("GET", &target, None);
            if is_over(&job) {
                return job;
            }
            std::thread::sleep(std::time::Duration::from_millis(200));
        }
    }
}

fn pin(folder: &Folder) -> String {
    let output = Command::new("sh")
        .args(["-c", "openssl x509 -in tls.crt -pubkey -noout | openssl pkey -pubin -outform der | openssl dgst -sha256 -binary | base64"])
        .current_dir(folder.path())
        .output()
        .expect("sh is there");
    format!(
        "sha256/{}",
        String::from_utf8(output.stdout).unwrap().trim()
    )
}

#[test]
#[ignore = "boots real hosts"]
fn a_certificate_that_no_host_trusts_is_named_and_its_pin_is_enough() {
    let host = Host::boot(Kind::Debian);
    let before = Snapshot::of(&host);
    let folder = Folder::new("deploy-tls");
    assert!(certificates(&folder), "openssl is needed");
    let operator = Operator::new(&folder);
    let mut body = login(&host, "deploy");
    let report = operator.call("POST", "/api/nodes/check", Some(&body));
    body["host_key"] = report["host_key"]["sha256"].clone();
    body["name"] = json!("secure");
    let deployed = operator.call("POST", "/api/nodes/deploy", Some(&body));
    let job = operator.end_of(&deployed);
    assert_eq!(job["error"]["cause"], "not_connected", "{job:#}");
    let message = job["error"]["message"].as_str().unwrap();
    assert!(message.contains("certificate"), "{job:#}");
    let hint = job["error"]["hint"].as_str().unwrap();
    assert!(hint.contains("pin"), "{hint}");
    assert_untouched(&host, &before);

    let node = format!("/api/nodes/{}", deployed["node"]["id"]);
    // What the check says is what the deployment will do.
    let server = |pin: Option<&str>| {
        let mut body = body.clone();
        body.as_object_mut().unwrap().remove("name");
        body["pin"] = json!(pin.unwrap_or_default());
        let report = operator.call("POST", "/api/nodes/check", Some(&body));
        let steps = report["steps"].as_array().unwrap().clone();
        steps.into_iter().find(|step| step["name"] == "server")
    };
    let pin = pin(&folder);
    let none = server(None).unwrap();
    assert_eq!(none["ok"], false, "{none:#}");
    assert!(none["hint"].as_str().unwrap().contains("pin"), "{none:#}");
    let right = server(Some(&pin)).unwrap();
    assert_eq!(right["ok"], true, "{right:#}");

    let pinned = json!({"pin": pin});
    let job = operator.call("POST", &format!("{node}/deploy"), Some(&pinned));
    let job = operator.end_of(&job);
    assert_eq!(job["state"], "succeeded", "{job:#}");
    let config = host.read("/etc/stardust/spider.conf");
    assert!(config.contains("server = wss://198.19.0.1:"), "{config}");
    eventually("the node is online", || {
        let node = operator.call("GET", &node, None);
        (node["status"] == "online").then_some(())
    });
    let report = operator.call("POST", &format!("{node}/check"), None);
    assert_eq!(report["ok"], true, "{report:#}");
    // Another token keeps the pin.
    let job = operator.call("POST", &format!("{node}/rotate-token"), Some(&json!({})));
    assert_eq!(operator.end_of(&job)["state"], "succeeded");
    let job = operator.call("POST", &format!("{node}/remove"), Some(&json!({})));
    assert_eq!(operator.end_of(&job)["state"], "succeeded");
    assert_untouched(&host, &before);
}
