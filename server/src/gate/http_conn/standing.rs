//! What a request shows of who it is from.

use std::net::IpAddr;

use super::super::core::Core;
use super::super::head::Head;
use super::super::pools::Standing;
use crate::auth::Credentials;

pub(super) fn standing(head: &Head, client: IpAddr, https: bool, core: &Core) -> Standing {
    let given = Credentials {
        authorization: head.get("authorization"),
        cookie: head.get("cookie"),
        https,
        address: None,
    };
    let has_some = given.authorization.is_some() || given.cookie.is_some();
    if has_some
        && core
            .services
            .auth
            .authenticate(given, core.services.auth.now_ms())
            .is_ok()
    {
        Standing::Session
    } else if client.is_loopback() {
        Standing::Local
    } else {
        Standing::Stranger
    }
}
