//! What bounds the gate, in one place.

use std::time::Duration;

/// Connections of all kinds at the same time.
pub const CONNECTIONS_MAX: usize = 20_000;
/// Sockets that clients come to.
pub const BINDS_MAX: usize = 16;
/// Files of other kinds: the database, the API's sockets, SSH to nodes.
pub const FILES_RESERVED: usize = 512;
/// Request line and headers, in bytes.
pub const HEAD_BYTES_MAX: usize = 16 << 10;
/// Headers in one request.
pub const HEADERS_MAX: usize = 64;
/// Time for a whole request head to arrive.
pub const HEAD_TIME_MAX: Duration = Duration::from_secs(10);
/// Body of one request, in bytes.
pub const BODY_BYTES_MAX: usize = 1 << 20;
/// Memory that requests and answers of those without a session hold, all together:
/// who holds the most gives first.
pub const POOL_STRANGERS_BYTES: usize = 32 << 20;
/// The same of those with one, apart.
pub const POOL_SESSIONS_BYTES: usize = 64 << 20;
/// Less than this is not counted: the number of connections bounds it.
pub const POOL_SMALL_BYTES: usize = 2 << 10;
/// From here on it is large, and gives before what is not.
pub const POOL_LARGE_BYTES: usize = 64 << 10;
/// The same with the handshake of TLS before it: when a whole fleet comes at
/// once, its handshakes take their turns.
pub const TLS_HEAD_TIME_MAX: Duration = Duration::from_secs(30);
/// For both while it is crowded.
pub const HEAD_TIME_CROWDED: Duration = Duration::from_secs(2);
/// Time for a whole body to arrive.
pub const BODY_TIME_MAX: Duration = Duration::from_secs(30);
/// Requests inside the API at the same time: tiny_http starts a thread for each.
pub const RELAYS_MAX: usize = 64;
/// Of these, for requests from this machine and for those with a session.
pub const RELAYS_RESERVED: usize = 16;
/// And for those with a session alone.
pub const RELAYS_FOR_SESSIONS: usize = 8;
/// Those that one address without a session has at a time.
pub const RELAYS_PER_SOURCE: usize = 24;
/// Requests that wait for one of those, each address in its turn; of more, the last
/// of the address with the most gets 503.
pub const RELAYS_WAITING_MAX: usize = 512;
/// Time for the API to answer, and the same again for what does not fit in here.
pub const RELAY_TIME_MAX: Duration = Duration::from_secs(60);
/// What an answer of the API may be ahead of its client: nearly all fit in whole.
pub const RELAY_BUFFER_BYTES: usize = 4 << 20;
/// A client that takes nothing of its answer for this long is cut.
pub const STALL_TIME_MAX: Duration = Duration::from_secs(10);
/// Slower than this, and one is cut as well, in the end.
pub const TAKE_BYTES_PER_SECOND: u64 = 2 << 10;
/// How long a connection waits for another request.
pub const KEEP_TIME: Duration = Duration::from_secs(75);
/// That of a trusted proxy: longer than proxies do (60 s nginx, 90 s Traefik, 120 s
/// Caddy), so that they never send one on a connection that is just closing.
pub const KEEP_TIME_PROXY: Duration = Duration::from_secs(150);
/// Requests on one connection.
pub const REQUESTS_MAX: u32 = 1_000;
/// Time to go on reading after an answer, so that the client sees all of it.
pub const LINGER_TIME_MAX: Duration = Duration::from_secs(2);
/// Bytes read in that time before the connection is cut.
pub const LINGER_BYTES_MAX: usize = 256 << 10;
/// The same for a body that was refused as too large: most clients read the answer
/// when they have sent all of it.
pub const UNREAD_BODY_BYTES_MAX: usize = 16 << 20;
pub const UNREAD_BODY_TIME_MAX: Duration = Duration::from_secs(10);
/// Time for a Spider to say hello. A whole fleet that comes at once is served in
/// turns, and what was said may wait for its own.
pub const HELLO_TIME_MAX: Duration = Duration::from_secs(30);
/// What is durable is acknowledged at once in the first time of a session, in which
/// a Spider catches up, or hands over what it kept and waits to be done with it.
pub const ACK_SOON_TIME: Duration = Duration::from_secs(20);
/// Later this long after the last time, with the commit that comes then: a frame costs
/// as much as several samples.
pub const ACK_TIME: Duration = Duration::from_secs(25);
/// Or after so many bytes of samples, a part of the smallest ring that a Spider keeps
/// them in.
pub const ACK_BYTES: usize = 4 << 10;
/// How often those are pinged that come through a proxy: some end what is quiet for half
/// a minute, and the usual interval leaves little of that for a slow link.
pub const PING_INTERVAL_PROXY: Duration = Duration::from_secs(15);
/// Time for a close frame to leave.
pub const CLOSE_TIME_MAX: Duration = Duration::from_secs(3);
/// What a WebSocket may go on to send after that, before it is cut: a flood would fill
/// the whole of that time.
pub const CLOSE_BYTES_MAX: usize = 4 << 20;
/// Sockets that are served in one turn of the loop; others have their turn next.
/// When a fleet comes back, each may have ten minutes of samples: so many then take
/// two tenths of a second, in which nobody is accepted and no browser is told anything.
pub const EVENTS_PER_TURN: usize = 256;
/// Time for handshakes of TLS in one turn of the loop: a storm of them must not
/// keep those who are in already from their turn.
pub const HANDSHAKES_TIME: Duration = Duration::from_millis(20);
/// Connections accepted in one turn of the loop.
pub const ACCEPTS_PER_TURN: usize = 256;
/// Connections that may wait to be accepted, as far as the system allows
/// (`net.core.somaxconn`). Those that find no room there try again after 1 s, then
/// after twice as long each time: a fleet that comes at once would take a minute.
pub const LISTEN_BACKLOG: i32 = 4_096;
/// Frames of any kind that are read from one WebSocket in one turn of the loop.
pub const FRAMES_PER_TURN: usize = 32;
/// Reads from it in one turn: a frame may come a byte at a time.
pub const READS_PER_TURN: u32 = 64;
/// Bytes of one turn, after which no more is read.
pub const BYTES_PER_TURN: usize = 512 << 10;
/// Samples of one turn, after which no more messages are looked at.
pub const SAMPLES_PER_TURN: u64 = 16 << 10;
/// Bytes of TLS records in a row that hold nothing for us: the largest record is a
/// quarter of this, and whole handshakes are less.
pub const TLS_IDLE_BYTES_MAX: usize = 64 << 10;
/// Lists of series that all nodes together may have in memory, decoded: those of
/// 10,000 hosts that are all different take a third of this.
pub const LAYOUTS_BYTES_MAX: usize = 384 << 20;
/// Samples that a node may send above what its interval explains: what a stall of the
/// link has held up, and what was taken before the server told its interval.
pub const BURST_SAMPLES: u32 = 1_024;
/// At the first session since the start, a node may have been away for at least so
/// long: a new one may have had another server before.
pub const UNKNOWN_TIME: Duration = Duration::from_secs(2 * 86_400);
/// Longer than this no node was away.
pub const AWAY_TIME_MAX: Duration = Duration::from_secs(400 * 86_400);
/// What a WebSocket keeps to read control frames into, and little else; a larger frame
/// makes it grow.
pub const FRAMES_BUFFER_BYTES: usize = 64;
/// Memory that the frames of all WebSockets are read into.
pub const INBOX_BYTES: usize = 64 << 10;
/// Frames of one peer in a second that carry no samples: pings, pongs, messages of
/// kinds that are not known here.
pub const CONTROL_FRAMES_PER_SECOND: u32 = 20;
/// Messages of one browser in a second.
pub const LIVE_MESSAGES_PER_SECOND: u32 = 50;
/// What a browser may have waiting before it is dropped as too slow.
pub const LIVE_QUEUE_BYTES_MAX: usize = 8 << 20;
/// A browser that takes nothing for this long while something waits is too slow.
pub const LIVE_STALL_MAX: Duration = Duration::from_secs(20);
/// Largest message of a browser, in bytes.
pub const LIVE_MESSAGE_BYTES_MAX: usize = 4 << 10;
/// Nodes that one browser watches in full.
pub const WATCHED_MAX: usize = 8;
/// Uncommitted samples of a node that a new watcher is sent.
pub const BACKLOG_SAMPLES_MAX: usize = 600;
/// Browsers at the same time.
pub const LIVE_MAX: usize = 1_000;
/// Of these, of one session.
pub const LIVE_PER_SESSION_MAX: usize = 32;
/// Jobs whose output one browser follows.
pub const FOLLOWED_MAX: usize = 8;
/// Changes of jobs are gathered for this long before they are told.
pub const JOBS_PAUSE: Duration = Duration::from_millis(100);
/// How often changes are told to browsers.
pub const LIVE_TICK: Duration = Duration::from_millis(500);
/// Samples that browsers are told of in one such tick, newest news of other
/// kinds apart: in a larger fleet each node has its turn less often, of 10,000 every
/// ten seconds. More would be more than a phone on the road takes.
pub const LIVE_SAMPLES_PER_TICK: usize = 500;
/// A connection that has said nothing for as long goes before those that have begun to ask.
pub const NEWCOMER_TIME: Duration = Duration::from_secs(1);
/// How often deadlines are looked at.
pub const SWEEP_TICK: Duration = Duration::from_millis(250);
/// Spiders are looked at in as many parts, one in each such tick: each of them
/// every three seconds. More often would be as much to look at as their samples.
pub const SWEEP_PARTS: usize = 12;
/// Spiders that make it worth having the heap on large pages: of fewer, most memory
/// that a sample takes is at hand anyway.
pub const LARGE_FLEET: usize = 1_000;
/// While Spiders alone talk, and talk much, the loop lets their messages gather
/// for this long: a wake-up then serves many of them.
pub const GATHER_TIME: Duration = Duration::from_millis(10);
/// Events from other threads that may wait for the loop.
pub const EVENTS_MAX: usize = 10_000;
/// Pause after the system had no file descriptor left.
pub const ACCEPT_PAUSE: Duration = Duration::from_millis(100);
/// Time that an orderly stop may take.
pub const STOP_TIME_MAX: Duration = Duration::from_secs(8);

/// How many connections fit into `files_max` open files: the rest of the server
/// needs some too.
pub fn connections_max(files_max: usize) -> usize {
    let reserved = FILES_RESERVED.min(files_max / 2);
    CONNECTIONS_MAX.min(files_max - reserved)
}

/// How many of them may be of those who have shown nothing yet: the rest is for Spiders
/// and browsers that are in, or will be.
pub fn strangers_max(connections_max: usize) -> usize {
    connections_max / 4 * 3
}

/// Places are getting scarce: who has asked for nothing yet must hurry, and nobody waits
/// for another request.
pub fn is_crowded(connections: usize, strangers: usize, connections_max: usize) -> bool {
    strangers > strangers_max(connections_max) / 2
        || connections > connections_max - connections_max / 16
}

/// The open files that it takes to have so many Spiders online.
pub fn files_needed(spiders: usize) -> usize {
    // A quarter on top: reconnects, browsers, half-open ones.
    FILES_RESERVED + spiders + spiders / 4
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn strangers_leave_room_and_a_large_fleet_alone_is_no_crowd() {
        assert_eq!(strangers_max(20_000), 15_000);
        assert!(!is_crowded(17_500, 100, 20_000));
        assert!(is_crowded(18_900, 100, 20_000));
        assert!(is_crowded(7_600, 7_501, 20_000));
        assert!(!is_crowded(7_600, 7_500, 20_000));
        assert!(!is_crowded(0, 0, 0));
    }

    #[test]
    fn connections_fit_into_the_open_files() {
        assert_eq!(connections_max(1 << 20), CONNECTIONS_MAX);
        assert_eq!(
            connections_max(CONNECTIONS_MAX + FILES_RESERVED),
            CONNECTIONS_MAX
        );
        assert_eq!(connections_max(1_024), 512);
        assert_eq!(connections_max(256), 128);
        assert_eq!(connections_max(0), 0);
        assert!(connections_max(files_needed(10_000)) > 10_000);
    }
}
