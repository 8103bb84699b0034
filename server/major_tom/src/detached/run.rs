//! Starting detached work, following it to its end, cancelling it. Blocks; on a
//! job thread.

use std::time::{Duration, Instant};

use super::super::fault::{Cause, Fault};
use super::super::output::Output;
use super::super::upload::success;
use super::follower::{Act, Follower};
use super::script::Fetched;
use super::stream::Stream;
use super::{End, Seen, Work, script};
use stardust_base::secret;

/// The longest that one piece of work is followed.
pub const FOLLOW_TIME_MAX: Duration = Duration::from_secs(24 * 3600);
/// More output than this is not fetched while it comes; of what is beyond only the end
/// is, when it is over.
const FETCHED: Fetched = Fetched {
    most: 64 << 20,
    end: 256 << 10,
};
const START_TIME_MAX: Duration = Duration::from_secs(60);
const CANCEL_TIME_MAX: Duration = Duration::from_secs(20);
/// What a look may take beyond the time that it is told.
const LOOK_SLACK: Duration = Duration::from_secs(40);
const IDLE: Duration = Duration::from_millis(250);

/// A node as root, on a link that can break.
pub trait Node {
    /// Runs a command as root; `on_output` sees what it prints.
    fn run(
        &mut self,
        command: &super::super::shell::Command,
        time: Duration,
        on_output: &mut dyn FnMut(&[u8]),
    ) -> Result<Output, Fault>;

    /// Lets go of the link; the next command makes a new one.
    fn disconnect(&mut self);
}

/// Who follows, and what they want.
pub trait Watcher {
    fn output(&mut self, bytes: &[u8]);

    /// Where the work is.
    fn seen(&mut self, seen: &Seen);

    /// The link is away, with the reason.
    fn lost(&mut self, fault: &Fault);

    /// Ground Control stops: the work goes on, and is followed at the next start.
    fn is_stopping(&self) -> bool;

    fn wants_cancel(&self) -> bool;

    /// It can't be ended in this part.
    fn too_late(&mut self);
}

/// Starts the work, or finds that it has been started.
pub fn start(node: &mut dyn Node, work: &Work) -> Result<String, Fault> {
    let output = node.run(&script::start(work)?, START_TIME_MAX, &mut |_| {})?;
    let output = success(output, "start it")?;
    let text = output.text();
    let line = text.lines().rfind(|line| !line.trim().is_empty());
    Ok(super::super::fault::printable(line.unwrap_or("")))
}

/// Follows the work from its first byte to its end, however often the link goes.
pub fn follow(node: &mut dyn Node, id: &str, watcher: &mut dyn Watcher) -> Result<End, Fault> {
    follow_some(node, id, watcher, FETCHED)
}

pub(super) fn follow_some(
    node: &mut dyn Node,
    id: &str,
    watcher: &mut dyn Watcher,
    fetched: Fetched,
) -> Result<End, Fault> {
    let started = Instant::now();
    let now = || u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX);
    let mut follower = Follower::new(0, now(), FOLLOW_TIME_MAX);
    let mut asked = false;
    loop {
        if watcher.is_stopping() {
            return Err(Fault::new(
                Cause::Stopping,
                "Ground Control is stopping.",
                "The work goes on on the node, and is followed again at the next start.",
            ));
        }
        match follower.next(now()) {
            Act::Done(end) => return Ok(end),
            Act::GiveUp => {
                return Err(Fault::new(
                    Cause::Unknown,
                    format!(
                        "The work did not end within {} hours, or the node was away for all of it.",
                        FOLLOW_TIME_MAX.as_secs() / 3600
                    ),
                    format!("Look at /var/lib/stardust-jobs/{id} on the node."),
                ));
            }
            Act::Wait { until_ms } => {
                let left = Duration::from_millis(until_ms.saturating_sub(now()));
                std::thread::sleep(left.min(IDLE));
            }
            Act::Follow { from, time } => {
                if watcher.wants_cancel() && !asked {
                    match cancel(node, id) {
                        Ok(done) => {
                            asked = done;
                            if !done {
                                watcher.too_late();
                                asked = true;
                            }
                        }
                        Err(fault) => {
                            away(node, &mut follower, watcher, &fault, now());
                            continue;
                        }
                    }
                }
                let until = (from, time, fetched);
                if let Err(fault) = look(node, id, until, &mut follower, watcher) {
                    away(node, &mut follower, watcher, &fault, now());
                }
            }
        }
    }
}

fn away(
    node: &mut dyn Node,
    follower: &mut Follower,
    watcher: &mut dyn Watcher,
    fault: &Fault,
    now_ms: u64,
) {
    node.disconnect();
    // Who stops has cut the link.
    if !watcher.is_stopping() {
        watcher.lost(fault);
    }
    let mut random = [0u8; 8];
    let _ = getrandom::fill(&mut random);
    follower.lost(now_ms, u64::from_le_bytes(random));
}

fn look(
    node: &mut dyn Node,
    id: &str,
    (from, time, fetched): (u64, Duration, Fetched),
    follower: &mut Follower,
    watcher: &mut dyn Watcher,
) -> Result<(), Fault> {
    let mark = secret::random_hex(8)
        .map_err(|error| Fault::new(Cause::Busy, format!("No random numbers: {error}."), ""))?;
    let command = script::follow(mark.expose(), id, from, time.as_secs(), fetched)?;
    let mut stream = Stream::new(mark.expose(), from);
    let mut told: Option<Seen> = None;
    let mut sink = |bytes: &[u8]| {
        stream.take(bytes, &mut |data| watcher.output(data));
        if stream.seen() != told.as_ref()
            && let Some(seen) = stream.seen()
        {
            watcher.seen(seen);
            told = Some(seen.clone());
        }
    };
    let answer = node.run(&command, time + LOOK_SLACK, &mut sink);
    follower.reached(stream.offset(), stream.seen());
    if let Some(end) = stream.end() {
        follower.ended(end.clone());
        return Ok(());
    }
    let output = answer?;
    if stream.is_broken() || stream.seen().is_none() {
        return Err(Fault::new(
            Cause::Failed,
            format!(
                "The node's answer made no sense: {}",
                super::super::fault::printable(&output.text())
            ),
            "Its sh or its tools may be broken in the middle of an upgrade; it is asked again.",
        ));
    }
    Ok(())
}

/// False when it is in a part that must not be cut.
fn cancel(node: &mut dyn Node, id: &str) -> Result<bool, Fault> {
    let output = node.run(&script::cancel(id)?, CANCEL_TIME_MAX, &mut |_| {})?;
    let text = success(output, "cancel it")?.text();
    Ok(!text.lines().any(|line| line.trim() == "unsafe"))
}
