//! HAProxy, Apache and lighttpd of Debian in front, with the recipes of docs/proxies.md
//! as they stand there: only addresses and certificates are this test's.

use std::net::SocketAddr;
use std::path::Path;
use std::process::Command;

use crate::behind_proxy;
use crate::common::{Folder, GroundControl, Proxy, Setup, installed};

const RECIPES: &str = include_str!("../../../docs/proxies.md");

/// The first block in that language.
fn recipe(language: &str) -> &'static str {
    let start = format!("```{language}\n");
    let (_, rest) = RECIPES.split_once(&start).unwrap();
    rest.split_once("```").unwrap().0
}

/// Puts this test's own in the place of what a recipe names.
fn with(recipe: &str, changes: &[(&str, &str)]) -> String {
    changes.iter().fold(recipe.to_owned(), |text, (from, to)| {
        assert!(
            text.contains(from),
            "{from:?} is not in the recipe:\n{text}"
        );
        text.replace(from, to)
    })
}

fn behind_a_proxy() -> GroundControl {
    Setup::new()
        .args(&["--trusted-proxy", "127.0.0.0/8"])
        .start()
}

fn haproxy(recipe: &'static str, changes: &[(&str, &str)], upstream: SocketAddr) -> Option<Proxy> {
    let binary = installed("haproxy", "haproxy")?;
    let upstream = upstream.to_string();
    let config = |address: SocketAddr, _: &Path| {
        let bind = address.to_string();
        let mut all = vec![
            ("127.0.0.1:8933", upstream.as_str()),
            (":443", bind.as_str()),
        ];
        all.extend_from_slice(changes);
        with(recipe, &all)
    };
    Some(Proxy::start(
        "haproxy",
        Folder::new("haproxy"),
        config,
        |folder| {
            let mut command = Command::new(binary);
            // In the foreground, and one process.
            command.arg("-db").arg("-f").arg(folder.join("config"));
            command
        },
    ))
}

#[test]
fn all_works_through_haproxy() {
    let ground_control = behind_a_proxy();
    let tls = " ssl crt /etc/haproxy/stardust.pem alpn http/1.1";
    let Some(proxy) = haproxy(recipe("haproxy"), &[(tls, "")], ground_control.address) else {
        return;
    };
    behind_proxy::all_works(proxy.address);
}

#[test]
fn all_works_through_a_proxy_that_only_passes_bytes_on() {
    let ground_control = behind_a_proxy();
    let upstream = ground_control.address;
    let Some(second) = haproxy(recipe("haproxy-tcp"), &[], upstream) else {
        return;
    };
    behind_proxy::all_works(second.address);
    // Version 1 of the protocol says the same.
    let version_1 = [("send-proxy-v2", "send-proxy")];
    let ground_control = behind_a_proxy();
    let upstream = ground_control.address;
    let first = haproxy(recipe("haproxy-tcp"), &version_1, upstream).unwrap();
    behind_proxy::all_works(first.address);
}

#[test]
fn all_works_through_apache() {
    let Some(binary) = installed("apache2", "apache2-bin") else {
        return;
    };
    let ground_control = behind_a_proxy();
    let upstream = ground_control.address.to_string();
    let config = |address: SocketAddr, folder: &Path| {
        let site = with(
            recipe("apache"),
            &[
                ("*:443", &address.to_string()),
                ("127.0.0.1:8933", &upstream),
                ("    SSLEngine on\n", ""),
                ("    SSLCertificateFile /etc/ssl/stardust.pem\n", ""),
                ("    SSLCertificateKeyFile /etc/ssl/stardust.key\n", ""),
                ("\"https\"", "\"http\""),
            ],
        );
        let modules = ["mpm_event", "authz_core", "headers", "proxy", "proxy_http"];
        let modules = modules.map(|name| {
            format!("LoadModule {name}_module /usr/lib/apache2/modules/mod_{name}.so\n")
        });
        let folder = folder.display();
        format!(
            "{}Listen {address}\nServerName localhost\nServerRoot {folder}\n\
             DefaultRuntimeDir {folder}\nPidFile {folder}/pid\nErrorLog /dev/stderr\n\
             Mutex file:{folder} default\nUser www-data\nGroup www-data\n{site}",
            modules.concat()
        )
    };
    let proxy = Proxy::start("apache", Folder::new("apache"), config, |folder| {
        let mut command = Command::new(binary);
        command
            .arg("-f")
            .arg(folder.join("config"))
            .arg("-DFOREGROUND");
        command
    });
    behind_proxy::all_works(proxy.address);
}

#[test]
fn all_works_through_lighttpd() {
    let Some(binary) = installed("lighttpd", "lighttpd") else {
        return;
    };
    let ground_control = behind_a_proxy();
    let upstream = ground_control.address.port().to_string();
    let config = |address: SocketAddr, folder: &Path| {
        let site = with(
            recipe("lighttpd"),
            &[
                ("stardust.example", &address.to_string()),
                ("8933", &upstream),
            ],
        );
        format!(
            "server.document-root = \"{}\"\nserver.bind = \"127.0.0.1\"\nserver.port = {}\n{site}",
            folder.display(),
            address.port()
        )
    };
    let proxy = Proxy::start("lighttpd", Folder::new("lighttpd"), config, |folder| {
        let mut command = Command::new(binary);
        command.arg("-D").arg("-f").arg(folder.join("config"));
        command
    });
    behind_proxy::all_works(proxy.address);
}
