//! Who may have a WebSocket: decided before there is one.

use tungstenite::handshake::derive_accept_key;

use super::client::origin_allowed;
use super::core::Core;
use super::http_conn::Handover;
use super::limits::{LIVE_MAX, LIVE_PER_SESSION_MAX};
use super::refusal::Refusal;
use crate::auth::{Credentials, Session, node_token};
use crate::hub::TokenHash;

pub enum Admitted {
    /// The Spider of this node, by this token.
    Spider(i64, TokenHash),
    Live(Session),
}

pub fn check(handover: &Handover, core: &Core) -> Result<Admitted, Refusal> {
    let head = &handover.head;
    if handover.is_spider {
        let token = head
            .get("authorization")
            .and_then(bearer)
            .ok_or(Refusal::Token)?;
        let token = node_token::sha256(token);
        let node = core
            .services
            .fleet
            .node_of_token(&token)
            .ok_or(Refusal::Token)?;
        if !handover
            .upgrade
            .protocols
            .iter()
            .any(|p| p == stardust_shared::SUBPROTOCOL)
        {
            return Err(Refusal::Subprotocol);
        }
        return Ok(Admitted::Spider(node, token));
    }
    let authorization = head.get("authorization");
    if !origin_allowed(head, authorization.is_some()) {
        return Err(Refusal::Origin);
    }
    let credentials = Credentials {
        authorization,
        cookie: head.get("cookie"),
        https: handover.https,
        address: Some(handover.client),
    };
    let session = core
        .services
        .auth
        .authenticate(credentials, core.services.auth.now_ms())
        .map_err(|_| Refusal::Session)?;
    if session.must_change_password || session.must_enrol {
        return Err(Refusal::PasswordChange);
    }
    let own = core.watching.live_of.get(&session.id);
    if own.is_some_and(|own| *own >= LIVE_PER_SESSION_MAX) {
        return Err(Refusal::ManyLive);
    }
    if core.watching.live_count >= LIVE_MAX {
        return Err(Refusal::Busy);
    }
    Ok(Admitted::Live(session))
}

fn bearer(value: &str) -> Option<&str> {
    let (scheme, token) = value.split_once(' ')?;
    let token = token.trim();
    // A node token is 43 characters of base64url; anything huge is not hashed.
    (scheme.eq_ignore_ascii_case("bearer") && !token.is_empty() && token.len() <= 256)
        .then_some(token)
}

/// The 101 answer (RFC 6455 section 4.2.2).
pub fn response(handover: &Handover) -> Vec<u8> {
    let accept = derive_accept_key(handover.upgrade.key.as_bytes());
    let protocol = if handover.is_spider {
        format!(
            "Sec-WebSocket-Protocol: {}\r\n",
            stardust_shared::SUBPROTOCOL
        )
    } else {
        String::new()
    };
    format!(
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
         Sec-WebSocket-Accept: {accept}\r\n{protocol}\r\n"
    )
    .into_bytes()
}
