//! A proxy of the distribution in front, with all that it writes in a folder of its own.

use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::process::Command;

use super::{Folder, Process, eventually, free_fixed_port};

pub struct Proxy {
    pub address: SocketAddr,
    _process: Process,
    _folder: Folder,
}

impl Proxy {
    /// `config` gets the address to listen on and the folder; what it says is the file
    /// `config` there. `command` gets the folder, which is where it is started.
    pub fn start(
        name: &'static str,
        folder: Folder,
        config: impl FnOnce(SocketAddr, &Path) -> String,
        command: impl FnOnce(&Path) -> Command,
    ) -> Self {
        let address = SocketAddr::from(([127, 0, 0, 1], free_fixed_port()));
        std::fs::write(folder.join("config"), config(address, folder.path())).unwrap();
        let mut command = command(folder.path());
        let mut process = Process::start(name, command.current_dir(folder.path()));
        eventually("the proxy takes connections", || {
            let ended = process.ended();
            assert!(
                ended.is_none(),
                "{name} ended: {ended:?}\n{}",
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
