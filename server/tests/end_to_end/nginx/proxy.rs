//! nginx as a child process, with everything it writes in a folder of its own.

use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::common::{Folder, Process, eventually, free_fixed_port, installed};

pub struct Nginx {
    pub address: SocketAddr,
    _process: Process,
    _folder: Folder,
}

pub fn binary() -> Option<PathBuf> {
    installed("nginx", "nginx")
}

impl Nginx {
    pub fn plain(binary: &Path, upstream: SocketAddr) -> Self {
        Self::start(binary, Folder::new("nginx"), upstream, "", "")
    }

    /// With `tls.crt` and `tls.key` of `folder`.
    pub fn tls(binary: &Path, folder: Folder, upstream: SocketAddr) -> Self {
        let files = "ssl_certificate tls.crt; ssl_certificate_key tls.key;";
        Self::start(binary, folder, upstream, "ssl", files)
    }

    fn start(
        binary: &Path,
        folder: Folder,
        upstream: SocketAddr,
        listen: &str,
        more: &str,
    ) -> Self {
        let address = SocketAddr::from(([127, 0, 0, 1], free_fixed_port()));
        let config = CONFIG
            .replace("{upstream}", &upstream.to_string())
            .replace("{address}", &address.to_string())
            .replace("{listen}", listen)
            .replace("{more}", more);
        std::fs::write(folder.join("nginx.conf"), config).unwrap();
        let mut command = Command::new(binary);
        command
            .arg("-p")
            .arg(folder.path())
            .args(["-c", "nginx.conf", "-e", "stderr"]);
        let mut process = Process::start("nginx", &mut command);
        eventually("nginx takes connections", || {
            let ended = process.ended();
            assert!(
                ended.is_none(),
                "nginx ended: {ended:?}\n{}",
                process.output()
            );
            TcpStream::connect(address).ok()
        });
        Self {
            address,
            _process: process,
            _folder: folder,
        }
    }
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
