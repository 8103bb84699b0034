//! From a greeted host to a login, one type for each stage.

use super::fault::{Cause, Fault};
use super::hostkey::{HostKey, Pin};
use super::pool::Handshake;
use super::target::Target;
use super::wire::Wire;

/// A host that has shown its key and was sent nothing but ours.
pub struct Greeted {
    pub(super) wire: Wire,
    pub(super) target: Target,
    pub(super) host_key: HostKey,
    pub(super) banner: String,
    pub(super) place: Handshake,
}

/// A host whose key is the pinned one.
pub struct Trusted {
    pub(super) wire: Wire,
    pub(super) target: Target,
    pub(super) banner: String,
    pub(super) place: Handshake,
}

/// A login.
pub struct Session {
    pub(super) wire: Wire,
    pub(super) target: Target,
    /// What the server calls itself: `SSH-2.0-OpenSSH_9.2p1`.
    pub(super) banner: String,
}

impl Greeted {
    pub fn host_key(&self) -> &HostKey {
        &self.host_key
    }

    pub fn banner(&self) -> &str {
        &self.banner
    }

    /// Goes on only when the host's key is the one that was confirmed.
    pub fn trust(self, pin: Option<&Pin>) -> Result<Trusted, Fault> {
        let found = &self.host_key;
        match pin {
            Some(pin) if pin.fits(found) => Ok(Trusted {
                wire: self.wire,
                target: self.target,
                banner: self.banner,
                place: self.place,
            }),
            Some(pin) => Err(Fault::new(
                Cause::HostKeyChanged,
                format!(
                    "{} shows another host key than the one that was confirmed: {} {}, not {}.",
                    self.target,
                    found.kind(),
                    found.sha256(),
                    pin.sha256()
                ),
                "Nothing was sent to it. If the node was installed anew, compare the new \
                 fingerprint with `ssh-keygen -lf /etc/ssh/ssh_host_ed25519_key.pub` on its \
                 console and accept it; else someone may stand between.",
            )),
            None => Err(Fault::new(
                Cause::HostKeyNew,
                format!(
                    "{} is new here and shows the host key {} {}.",
                    self.target,
                    found.kind(),
                    found.sha256()
                ),
                "Compare it with `ssh-keygen -lf /etc/ssh/ssh_host_ed25519_key.pub` on the node, \
                 and confirm it.",
            )),
        }
    }
}

impl Session {
    /// From here on it is for work that is ended in order, whoever cancels it.
    pub fn commit(&mut self) {
        self.wire.commit();
    }

    pub fn target(&self) -> &Target {
        &self.target
    }

    pub fn banner(&self) -> &str {
        &self.banner
    }
}
