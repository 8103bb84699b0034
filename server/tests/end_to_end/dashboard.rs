//! What the public dashboard "Node Exporter Full" asks for, put to Debian's Prometheus
//! that scrapes `/metrics` as the README says.

use crate::common::{Folder, Setup, Spider, eventually, installed};
use crate::prometheus::{Prometheus, token_file};

const QUERIES: &str = include_str!("node_exporter_full.txt");

/// Of one line: its sign, how many queries it stands for, and what each of them needs.
fn parse(line: &str) -> (char, usize, Vec<&str>) {
    let mut words = line.split(' ');
    let sign = words.next().unwrap().chars().next().unwrap();
    let number = words.next().unwrap().parse().unwrap();
    (sign, number, words.collect())
}

/// The series of the machine that the dashboard shows.
fn of_node(metric: &str) -> String {
    let (name, labels) = metric.split_once('{').unwrap_or((metric, "}"));
    format!("{name}{{instance=\"here\",job=\"stardust\",{labels}")
}

#[test]
fn node_exporter_full_finds_the_nodes_and_draws_what_a_spider_collects() {
    let Some(prometheus) = installed("prometheus", "prometheus") else {
        return;
    };
    let folder = Folder::new("dashboard");
    let token = token_file(&folder);
    let ground_control = Setup::new().args(&["--metrics-token-file", &token]).start();
    let session = ground_control.login();
    let node = session.add_node("here");
    let _spider = Spider::start(&ground_control.url(), &node.token, 200, &[]);
    let scrape = format!(
        "- job_name: stardust\n  \
           authorization: {{ credentials_file: {token} }}\n  \
           static_configs: [{{ targets: [\"{}\"] }}]\n  \
           metric_relabel_configs:\n  \
           - {{ source_labels: [node], regex: \"(.+)\", target_label: instance }}\n",
        ground_control.address
    );
    let prometheus = Prometheus::start(&prometheus, &folder, &scrape);

    // Its variables: the jobs, and the machines of one.
    let label = |query: &str, label: &str| -> Vec<String> {
        let found = prometheus.query(query);
        let labels = found.iter().map(|one| &one["metric"][label]);
        labels
            .map(|value| value.as_str().unwrap().to_owned())
            .collect()
    };
    eventually("the dashboard finds the machine", || {
        let jobs = label("count by (job) (node_uname_info)", "job");
        let nodes = label("node_uname_info{job=\"stardust\"}", "instance");
        (jobs == ["stardust"] && nodes == ["here"]).then_some(())
    });

    let there = |metric: &str| !prometheus.query(&of_node(metric)).is_empty();
    let lines = || QUERIES.lines().filter(|line| !line.starts_with('#'));
    let (mut drawn, mut all) = (0, 0);
    for (sign, number, metrics) in lines().map(parse) {
        all += number;
        match sign {
            '+' => {
                drawn += number;
                for metric in metrics {
                    eventually(metric, || there(metric).then_some(()));
                }
            }
            // Whoever collects it has a line to change, and the README.
            '-' => assert!(!metrics.iter().all(|one| there(one)), "{metrics:?}"),
            '?' => {}
            other => panic!("{other} is no sign"),
        }
    }
    let readme = include_str!("../../../README.md");
    let says = format!("{drawn} of its {all} queries");
    assert!(readme.contains(&says), "README does not say: {says}");
}
