//! Against real OpenSSH and dropbear.

mod commands;
mod login;
mod uploads;

use super::testing::{Kind, Server, there_is};

/// The servers that there are.
fn servers() -> Vec<Server> {
    [Kind::OpenSsh, Kind::Dropbear]
        .into_iter()
        .filter(|kind| there_is(*kind))
        .map(Server::start)
        .collect()
}

fn openssh() -> Option<Server> {
    there_is(Kind::OpenSsh).then(|| Server::start(Kind::OpenSsh))
}
