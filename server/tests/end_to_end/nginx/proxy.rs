//! nginx as a child process.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::common::{Folder, Proxy, installed};

pub fn binary() -> Option<PathBuf> {
    installed("nginx", "nginx")
}

pub fn plain(binary: &Path, upstream: SocketAddr) -> Proxy {
    start(binary, Folder::new("nginx"), upstream, "", "")
}

/// With `tls.crt` and `tls.key` of `folder`.
pub fn tls(binary: &Path, folder: Folder, upstream: SocketAddr) -> Proxy {
    let files = "ssl_certificate tls.crt; ssl_certificate_key tls.key;";
    start(binary, folder, upstream, "ssl", files)
}

fn start(binary: &Path, folder: Folder, upstream: SocketAddr, listen: &str, more: &str) -> Proxy {
    let config = |address: SocketAddr, _: &Path| {
        CONFIG
            .replace("{upstream}", &upstream.to_string())
            .replace("{address}", &address.to_string())
            .replace("{listen}", listen)
            .replace("{more}", more)
    };
    Proxy::start("nginx", folder, config, |folder| {
        let mut command = Command::new(binary);
        command.arg("-p").arg(folder);
        command.args(["-c", "config", "-e", "stderr"]);
        command
    })
}

/// As README's recipe, with upstream keep-alive. One process, so that it is
/// ended by its one pid.
const CONFIG: &str = r#"
daemon off;
master_process off;
pid nginx.pid;
events { worker_connections 512; }
http {
    access_log off;
    client_body_temp_path body;
    proxy_temp_path proxy;
    fastcgi_temp_path fastcgi;
    uwsgi_temp_path uwsgi;
    scgi_temp_path scgi;
    upstream ground_control {
        server {upstream};
        keepalive 16;
    }
    map $http_upgrade $connection_upgrade {
        default upgrade;
        "" "";
    }
    server {
        listen {address} {listen};
        {more}
        location / {
            proxy_pass http://ground_control;
            proxy_http_version 1.1;
            proxy_set_header Host $http_host;
            proxy_set_header Upgrade $http_upgrade;
            proxy_set_header Connection $connection_upgrade;
            proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;
            proxy_set_header X-Forwarded-Proto $scheme;
            proxy_read_timeout 120s;
        }
    }
}
"#;
