//! What the current thread is doing for somebody: whoever answers a request says so at its
//! beginning, and the first transaction writes the line.
//!
//! It is kept beside the thread and not handed through, so that no way from a request to
//! the database can forget it.

use std::cell::RefCell;

use serde_json::{Map, Value};

/// The outcome of what was done.
pub const DONE: &str = "done";
/// Longest text of a line's detail; more is cut off and said so.
const DETAIL_BYTES_MAX: usize = 16 << 10;

/// Who is behind an act.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Who {
    pub kind: Actor,
    /// The user's name; with a token its owner's.
    pub name: String,
    pub user_id: Option<i64>,
    /// The token or the session, as their lists name them.
    pub via: String,
    pub address: String,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Actor {
    User,
    Token,
    /// Nobody who is signed in.
    Anyone,
    #[default]
    System,
}

impl Who {
    pub fn actor(&self) -> &'static str {
        match self.kind {
            Actor::User => "user",
            Actor::Token => "token",
            Actor::Anyone => "anyone",
            Actor::System => "system",
        }
    }
}

#[derive(Clone, Debug, Default)]
pub struct Act {
    pub time_ms: i64,
    pub who: Who,
    /// `node.change`, `auth.login`.
    pub action: String,
    pub node: Option<i64>,
    pub node_name: Option<String>,
    pub detail: Map<String, Value>,
}

impl Act {
    pub(super) fn detail_text(&self) -> String {
        let text = Value::Object(self.detail.clone()).to_string();
        if text.len() <= DETAIL_BYTES_MAX {
            return text;
        }
        let mut end = DETAIL_BYTES_MAX;
        while !text.is_char_boundary(end) {
            end -= 1;
        }
        serde_json::json!({"cut": &text[..end], "bytes": text.len()}).to_string()
    }
}

thread_local! {
    static CURRENT: RefCell<Option<Running>> = const { RefCell::new(None) };
}

struct Running {
    act: Act,
    is_written: bool,
}

/// Begins an act; what [`finish`] does not take is forgotten with the guard.
#[must_use]
pub fn begin(act: Act) -> Acting {
    CURRENT.set(Some(Running {
        act,
        is_written: false,
    }));
    Acting(())
}

/// An act, as long as it lasts.
pub struct Acting(());

impl Acting {
    /// The act, and whether its line was written already.
    pub fn finish(self) -> Option<(Act, bool)> {
        CURRENT
            .take()
            .map(|running| (running.act, running.is_written))
    }
}

impl Drop for Acting {
    fn drop(&mut self) {
        CURRENT.set(None);
    }
}

/// Adds to what the line says. Without an act nothing is noted.
pub fn detail(key: &str, value: impl Into<Value>) {
    with(|act| {
        act.detail.insert(key.to_owned(), value.into());
    });
}

/// Something else that the same request does: has a line of its own when the first was
/// written already.
pub fn also(action: &str) {
    CURRENT.with_borrow_mut(|running| {
        if let Some(running) = running.as_mut().filter(|running| running.is_written) {
            running.is_written = false;
            running.act.action = action.to_owned();
            running.act.detail = Map::new();
        }
    });
}

/// The node that it is about.
pub fn on_node(node: i64, name: Option<&str>) {
    with(|act| {
        act.node = Some(node);
        act.node_name = name.map(str::to_owned);
    });
}

/// Who it turned out to be.
pub fn by(who: impl FnOnce(&mut Who)) {
    with(|act| who(&mut act.who));
}

fn with(change: impl FnOnce(&mut Act)) {
    CURRENT.with_borrow_mut(|running| {
        if let Some(running) = running {
            change(&mut running.act);
        }
    });
}

pub(crate) fn unwritten() -> Option<Act> {
    CURRENT.with_borrow(|running| {
        let running = running.as_ref().filter(|running| !running.is_written)?;
        Some(running.act.clone())
    })
}

pub(crate) fn written() {
    CURRENT.with_borrow_mut(|running| {
        if let Some(running) = running {
            running.is_written = true;
        }
    });
}
